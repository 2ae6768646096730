import circular_a

B = "b"
SEEN = hasattr(circular_a, "A")
