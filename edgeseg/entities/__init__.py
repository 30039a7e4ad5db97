"""Entities in images: which object is which, what colour it has, and whether it is as asked."""
