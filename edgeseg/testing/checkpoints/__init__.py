"""Checkpoints with random weights, in the real formats of their families.

They stand in for weights that are not installed: small ones take every loader, processor and
post-processing through their paths in tests; ones of the real size show what a model costs.
"""
