"""Order: which task comes after which."""
