"""The language of prompts: lists, positions, exclusions, questions and needs."""
