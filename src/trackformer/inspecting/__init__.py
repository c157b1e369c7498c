"""See why: what a run decided, where it looks doubtful, and how to put it right."""
