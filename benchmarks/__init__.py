"""How fast the template renders, and how fast what it rendered serves."""
