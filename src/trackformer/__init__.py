"""Detect and track objects in video with transformers, end to end."""
