"""The process in which resource types run."""
