"""What development needs around the service: servers, secrets and commands. Never deployed."""
