"""The views in PostgreSQL: their tables, the live projection, reads, rebuild and verify."""
