"""Annotated data: formats, clips for training, synthetic scenes."""
