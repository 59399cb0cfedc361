"""What `benchmarks/generation.py` measures on one GPU; on a CPU at a small size, to see that it runs."""
