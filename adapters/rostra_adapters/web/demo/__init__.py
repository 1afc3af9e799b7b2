"""An article of our own with a discussion under it: what `rostra serve --demo` shows."""
