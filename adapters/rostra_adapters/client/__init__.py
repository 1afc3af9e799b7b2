"""Publishing to a running service."""
