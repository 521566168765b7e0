"""Ports made real; strangers to one another and to policy."""
