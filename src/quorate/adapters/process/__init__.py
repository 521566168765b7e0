"""Contained processes: `launcher` is the host's side, `helper` and `init` run in processes of their own.

This file stays empty of imports: the helper loads it, and must start in a few milliseconds.
"""
