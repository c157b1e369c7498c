"""The bundled weights (safetensors) and their model cards."""
