"""Every valid combination, rendered and put through its paces; `make matrix` runs it."""
