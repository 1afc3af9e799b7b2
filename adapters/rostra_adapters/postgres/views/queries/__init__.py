"""Statements that read the views."""
