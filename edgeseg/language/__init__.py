"""Reading of prompts by rules: phrases, positions, questions and exclusions."""
