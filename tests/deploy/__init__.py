"""The checks of what deploys, observes and automates a rendered project."""
