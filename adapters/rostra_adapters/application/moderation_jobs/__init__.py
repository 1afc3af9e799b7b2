"""Moderation that Rostra does by itself: what bans remove, and what many flags hold."""
