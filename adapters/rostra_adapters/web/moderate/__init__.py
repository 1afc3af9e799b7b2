"""The page for moderators: plain ES modules that share those of the web reader."""
