"""Whole videos in, result files out: one alone, or several at once."""
