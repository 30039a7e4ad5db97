"""The service of the segment and ground stages."""
