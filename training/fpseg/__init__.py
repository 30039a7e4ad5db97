"""How prompts of classes are tuned, and what is trained round them."""
