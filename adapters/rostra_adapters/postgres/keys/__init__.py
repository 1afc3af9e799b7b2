"""The key ring in PostgreSQL."""
