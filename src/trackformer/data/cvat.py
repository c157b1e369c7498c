"""CVAT's reader by the name that scripts knew before formats had a room of their own."""

from trackformer.data.formats.cvat.reading import read_cvat

__all__ = ["read_cvat"]
