"""The web reader: plain ES modules, served as they are."""
