"""Speed and memory of engines, beside the reference implementations of their libraries."""
