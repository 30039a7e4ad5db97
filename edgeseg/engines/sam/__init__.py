"""Segment Anything, SAM-HQ, SAM 2.1 and SAM 3."""
