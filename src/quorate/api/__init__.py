"""The REST face: routes as one typed table, served over mutual TLS and a Unix socket."""
