"""The annotation formats: one file or room each, and what they share."""
