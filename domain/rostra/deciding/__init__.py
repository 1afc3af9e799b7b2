"""Decisions on a batch of commands: from streams and commands to events."""
