"""Labels from another detector: people whom the annotation leaves out, film without any."""
