"""A PostgreSQL server of our own in a data folder."""
