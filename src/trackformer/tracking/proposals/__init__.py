"""Where another detector sees objects, and what the model is asked there."""
