"""The description of the interface, as OpenAPI 3.1 and as a page."""
