"""What the core needs from a world, each with its in-memory twin."""
