"""What things are for: matches a question with the things that serve it."""
