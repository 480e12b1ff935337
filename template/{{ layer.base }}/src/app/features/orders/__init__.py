"""Orders: what they are, who may do what to them, and how they are stored and served."""
