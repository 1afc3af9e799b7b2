"""Words of the web reader's parts for those who come back, a file for each language."""
