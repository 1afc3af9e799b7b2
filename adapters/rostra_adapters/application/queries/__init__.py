"""Reads of the views, with words opened."""
