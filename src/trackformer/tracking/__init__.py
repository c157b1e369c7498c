"""Tracks over time: one pure step, a tracker for one stream, runs over whole videos."""
