"""The contract in Python: `make contract` writes all of it from `proto/`."""
