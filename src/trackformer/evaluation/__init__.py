"""Scores of result files and of models."""
