"""Masters: bias, dark and flat, and what they do to an image."""
