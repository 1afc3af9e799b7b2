"""Words of the page for moderators, a file for each language. `en.json` has every name."""
