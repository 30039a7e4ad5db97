"""NanoDet-Plus: a published detector of 80 classes, run by ncnn, with nano's detector beside it."""
