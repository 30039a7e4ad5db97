"""Synthetic, rendered table scenes with exact masks."""
