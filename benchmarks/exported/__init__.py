"""Exported files beside their weights, and beside other detectors with ByteTrack."""
