"""Templates of the documents, and the filters they are written with."""
