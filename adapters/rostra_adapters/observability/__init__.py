"""Traces, and the environment of child processes."""
