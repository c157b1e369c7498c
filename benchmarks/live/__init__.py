"""What becomes of a camera's pictures when the model is slow, and when the connection drops."""
