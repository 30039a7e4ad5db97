"""Randomly initialised checkpoints in the formats of published models."""
