"""Modules of every sort of code, for the self-check.  Each has a function ``run`` whose results are compared."""
