"""Benchmarks of PyCDS: real programs, the limit of what an archive can bring, and the peers."""
