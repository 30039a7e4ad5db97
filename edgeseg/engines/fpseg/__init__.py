"""FPSeg: semantic segmentation by prompts that were tuned for each class."""
