"""Simulation of the pools and their scaling; ``benchmarks/autoscale_sim.py`` runs it. All times are seconds."""
