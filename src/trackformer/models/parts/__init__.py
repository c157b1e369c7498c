"""What detectors are made of: backbone, encodings, sublayers, heads."""
