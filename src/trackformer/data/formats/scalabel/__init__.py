"""Scalabel's json files, BDD100K's among them."""
