"""Training: clips, track queries, assignment, losses, the loop."""
