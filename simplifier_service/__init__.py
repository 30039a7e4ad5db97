"""The service of the simplify stage."""
