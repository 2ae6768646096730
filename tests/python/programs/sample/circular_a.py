import circular_b

A = "a"


def both():
    return A + circular_b.B
