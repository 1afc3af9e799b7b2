"""Files that Rostra keeps beside the database."""
