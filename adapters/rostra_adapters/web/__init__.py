"""The web reader: plain ES modules, served as they are but for their comments."""
