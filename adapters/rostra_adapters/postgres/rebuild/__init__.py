"""Rebuilding and verifying views from the log."""
