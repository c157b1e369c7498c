"""What a step is trained by: classes, boxes, masks, over all decoder layers."""
