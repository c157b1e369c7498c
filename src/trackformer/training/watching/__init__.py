"""What one sees of a run: progress, diagnostics, pictures, files of numbers."""
