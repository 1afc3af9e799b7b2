"""HTTP requests to services of others: never to a private address, never redirected, bounded."""
