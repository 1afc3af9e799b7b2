"""Tasks and worker processes."""
