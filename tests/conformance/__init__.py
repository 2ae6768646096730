"""Proof that a served program is the plain one: other projects' own tests, run both ways."""
