"""Image bytes to arrays and back; masks to run lengths, PNG and back."""
