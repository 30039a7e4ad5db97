"""The service of the detect stage."""
