"""Scales on which customers answer."""


def usual_bad(low, high):
    """Up to where an answer is usually bad: the detractors of 0 to 10, less than the middle of
    any other scale.
    """
    return 6 if (low, high) == (0, 10) else (low + high - 1) // 2
