"""YOLO folders: images, a text file for each, and a file that names classes and images."""
