"""Real nodes on one machine."""
