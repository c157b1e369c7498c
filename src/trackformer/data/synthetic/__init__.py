"""Scenes drawn on the spot, in which every box, outline, visibility and identity is known."""
