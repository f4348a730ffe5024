"""Video analysis: a file to detections with tracks, counts, charts and an annotated film."""
