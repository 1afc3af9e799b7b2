"""Changes of discussions as they happen."""
