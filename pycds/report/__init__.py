"""What ``pycds report`` measures and writes."""
