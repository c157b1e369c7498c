"""What every query was asked, what it answered, and what was decided about it, on disk."""
