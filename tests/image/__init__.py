"""`make test-image`: build the image of rendered projects, and run it as strictly as production."""
