"""What we claim, measured against what a user would pick instead and against the limit: ``python -m benchmarks``."""
