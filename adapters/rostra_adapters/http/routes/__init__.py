"""The handlers, one module a group of routes."""
