"""Video in and out: read frames, draw objects, write H.264."""
