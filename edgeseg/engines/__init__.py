"""Engines: the models behind the roles simplify, detect, segment and ground."""
