"""What the tests, the matrix and the benchmarks share."""
