"""Texts of articles, and the work on them in other processes."""
