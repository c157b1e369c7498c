"""Annotation formats, clips, and the transforms of images with their boxes."""
