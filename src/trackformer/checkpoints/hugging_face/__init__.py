"""Hugging Face folders as our models."""
