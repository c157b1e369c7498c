"""Weights that the papers' authors published, as our models."""
