"""Scores of result files and of models: what is counted, goes wrong, is said, is tried."""
