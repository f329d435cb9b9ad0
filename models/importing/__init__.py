"""Publishers' own files as the tables of a data folder; one file a data set."""
