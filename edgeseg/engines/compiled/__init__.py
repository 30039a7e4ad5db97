"""Encoders compiled for another runtime than torch."""
