"""Simplifiers that ask a language model: one run here by transformers, or one behind HTTP."""
