"""How the nano models in the package were made."""
