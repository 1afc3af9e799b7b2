"""The views in PostgreSQL: tables, live projection and reads."""
