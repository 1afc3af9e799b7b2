"""Webhooks: events are sent to services of others, and comments to a service that reviews them."""
