"""The rows of docs/performance.md: a module for each group of them, with a function ``measure``."""
