"""The orders in which comments are read: each key is computed here, never in SQL."""

from functools import lru_cache
from math import log10, sqrt

from rostra.times import Time, to_datetime

WILSON_Z = 1.281551565545
"""The 0.9 quantile of the normal distribution: an 80 % confidence interval."""

HOT_EPOCH_SECONDS = 1_134_028_003
HOT_SECONDS_PER_MAGNITUDE = 45_000
HOT_DIGITS = 7
TIMESTAMPS_CACHED_MAX = 16_384


def best(up: int, down: int) -> float:
    """Return the lower bound of Wilson's score interval (E. B. Wilson, 1927) of up / total.

    0 without an upvote. Numbers below 0, as events of another program can make, count as 0.
    """
    if up <= 0:
        return 0.0  # which the formula misses by rounding
    n = up + max(down, 0)
    z2 = WILSON_Z * WILSON_Z
    share = up / n
    centre = share + z2 / (2 * n)
    margin = WILSON_Z * sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return (centre - margin) / (1 + z2 / n)


def controversial(up: int, down: int) -> float:
    """(up + down) ^ (min / max), as Reddit's `_sorts.pyx`; 0 where either is 0."""
    if up <= 0 or down <= 0:
        return 0.0
    return float((up + down) ** (min(up, down) / max(up, down)))


def hot(up: int, down: int, posted_at: Time) -> float:
    """sign(s)·log10(max(|s|, 1)) + (t − 1134028003) / 45000, as Reddit's `_sorts.pyx`."""
    score = up - down
    sign = (score > 0) - (score < 0)
    seconds = _timestamp(posted_at) - HOT_EPOCH_SECONDS
    magnitude = log10(max(abs(score), 1))
    return round(sign * magnitude + seconds / HOT_SECONDS_PER_MAGNITUDE, HOT_DIGITS)


@lru_cache(TIMESTAMPS_CACHED_MAX)
def _timestamp(time: Time) -> float:
    return to_datetime(time).timestamp()
