"""Steady state: whether code from an archive runs as fast as any other, once it is warm.

``python -m benchmarks.steady`` runs benchmarks of pyperformance in pairs of processes, one with archived code and one
plain, in random order.
"""
