"""Which queries a training frame is asked: track queries, noisy copies, proposals."""
