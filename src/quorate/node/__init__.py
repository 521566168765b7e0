"""The processes of one node: sentinel and service."""
