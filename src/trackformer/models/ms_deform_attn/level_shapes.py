"""How tokens of several feature levels lie in one row."""

LevelShapes = tuple[tuple[int, int], ...]
"""(height, width) of each level; its tokens come row by row, level after level."""
