"""``pycds report``: what a program's start consists of, measured, as one page and as a profile for speedscope."""
