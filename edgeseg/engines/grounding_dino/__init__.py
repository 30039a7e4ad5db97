"""Grounding DINO and MM-Grounding-DINO, from the hub and in their authors' format."""
