"""The prompt tagger's training: a grammar writes sentences, noise spoils them, a network reads."""
