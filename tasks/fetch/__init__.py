"""What `tasks.fetching` is made of: publishers and their hashes, where files come from, plain pickles."""
