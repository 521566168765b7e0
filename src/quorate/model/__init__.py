"""Nouns: frozen values and their rules of form."""
