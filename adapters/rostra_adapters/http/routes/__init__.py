"""Routes, one module a group of routes."""
