"""Nano engines: our own small models, shipped in the package, run without torch."""
