"""The same models for inference only: fewer passes over memory, the same numbers."""
