"""What all recipes share: data, the training loop and the optimizer."""
