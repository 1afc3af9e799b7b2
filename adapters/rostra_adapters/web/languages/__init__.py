"""The words that readers see, a file for each language. `en.json` has every name."""
