"""What is counted: HOTA, CLEAR, Identity and COCO's average precision, one file each."""
