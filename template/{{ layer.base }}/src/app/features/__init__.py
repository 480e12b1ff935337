"""What the service offers: one package a feature."""
