"""Quorate: a failover cluster for Linux that explains itself."""
