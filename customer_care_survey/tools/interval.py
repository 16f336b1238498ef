"""Intervals of shares, in which the truth lies 95 times of 100; the same in Python and in SQL."""

from math import sqrt

#: Standard deviations to each side of 95 %.
Z = 1.959964


def wilson(hits, count):
    """Wilson's interval of a share.

    :param int hits: how many of ``count``, which is 1 or more
    :return: lowest and highest share, 0 to 1
    """
    share = hits / count
    centre = share + Z * Z / (2 * count)
    half = Z * sqrt(share * (1 - share) / count + Z * Z / (4 * count * count))
    whole = 1 + Z * Z / count
    return max((centre - half) / whole, 0.0), min((centre + half) / whole, 1.0)


def difference(first, second, count):
    """The interval of the difference of two shares of the same answers, by Newcombe: from the
    Wilson intervals of both, and how they hang together (who is one is not the other).

    :param int first: promoters, of ``count``
    :param int second: detractors, of ``count``, which is 1 or more
    :return: lowest and highest difference, -1 to 1
    """
    one, two = first / count, second / count
    low1, high1 = wilson(first, count)
    low2, high2 = wilson(second, count)
    spread = (1 - one) * (1 - two)
    apart = sqrt(one * two / spread) if spread > 0 else 0.0

    def reach(left, right):
        return sqrt(left * left + 2 * apart * left * right + right * right)

    low = one - two - reach(one - low1, high2 - two)
    high = one - two + reach(high1 - one, two - low2)
    return max(low, -1.0), min(high, 1.0)


def _wilson_sql(share, count, sign):
    half = f"{Z} * sqrt({share} * (1 - {share}) / {count} + {Z * Z} / (4 * {count} * {count}))"
    return f"(({share} + {Z * Z} / (2 * {count}) {sign} {half}) / (1 + {Z * Z} / {count}))"


def bound_sql(end, hits, misses, count, is_difference):
    """One end of an interval, in SQL, as points: 100 for a share of 1.

    :param str end: ``low`` or ``high``
    :param str hits: SQL of how many promoters, or satisfied ones
    :param str misses: SQL of how many detractors
    :param str count: SQL of how many answers
    :param str is_difference: SQL condition: the difference of both, not the share of the first
    """
    count = f"({count})::float"
    one, two = f"(({hits}) / {count})", f"(({misses}) / {count})"
    low1, high1 = (_wilson_sql(one, count, sign) for sign in "-+")
    low2, high2 = (_wilson_sql(two, count, sign) for sign in "-+")
    if end == "low":
        left, right, sign, share, limit = f"{one} - {low1}", f"{high2} - {two}", "-", low1, "-1"
        outer, nearest = "greatest", "0"
    else:
        left, right, sign, share, limit = f"{high1} - {one}", f"{two} - {low2}", "+", high1, "1"
        outer, nearest = "least", "1"
    apart = f"COALESCE(sqrt({one} * {two} / NULLIF((1 - {one}) * (1 - {two}), 0)), 0)"
    reach = f"sqrt(power({left}, 2) + 2 * {apart} * ({left}) * ({right}) + power({right}, 2))"
    return (
        f"100 * CASE WHEN {is_difference} "
        f"THEN {outer}({one} - {two} {sign} {reach}, {limit}) "
        f"ELSE {outer}({share}, {nearest}) END"
    )
