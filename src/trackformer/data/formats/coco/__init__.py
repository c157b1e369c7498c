"""COCO's json files, annotations and results."""
