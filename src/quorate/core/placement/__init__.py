"""Which node should own a group: who hosts what, what forbids a node, what speaks for it, who must make room."""
