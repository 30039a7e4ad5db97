"""Choosing among detected boxes: thresholds, suppression and filters."""
