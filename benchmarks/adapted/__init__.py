"""Does training on a film without annotation pay? The table behind `docs/quality.md`."""
