"""The bundled clip of pedestrians, its ground truth, and where they come from (SOURCE.txt)."""
