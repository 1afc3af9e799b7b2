"""Rostra over any stock recorder of `eventsourcing`."""
