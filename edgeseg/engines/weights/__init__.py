"""Checkpoints: where they come from, how they are fetched and checked, where they are kept."""
