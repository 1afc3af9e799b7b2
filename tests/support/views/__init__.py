"""Helpers that tests of views share."""
