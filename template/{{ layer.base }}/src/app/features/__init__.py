"""What the service offers: one package for each feature."""
