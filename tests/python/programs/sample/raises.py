"""A module whose body fails."""

before = 1


def fail():
    return 1 / 0  # shown in the traceback


fail()
