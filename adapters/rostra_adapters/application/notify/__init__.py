"""Mails that bring readers back: a follower of the log fills an outbox, a sender empties it."""
