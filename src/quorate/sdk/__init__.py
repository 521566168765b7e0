"""Public: what the author of a resource type imports."""
