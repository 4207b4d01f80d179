"""REST endpoints, one file a subject."""
