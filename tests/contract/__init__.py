"""The checks of what a rendered service promises its clients, for the matrix."""
