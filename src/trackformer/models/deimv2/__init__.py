"""DEIMv2 with an HGNetV2 backbone and the lite encoder: what the bundled models are made of."""
