"""All matches of a quote in a text, by the steps of `rostra.anchoring.matching`."""

from collections.abc import Iterator

from rostra.anchoring.matching import Haystack, Match, occurrences


def exact_matches(text: str, exact: str, prefix: str = "", suffix: str = "") -> Iterator[Match]:
    """Yield every place with exactly these words between exactly these."""
    for found in occurrences(text, prefix + exact + suffix):
        start = found + len(prefix)
        yield Match(start, start + len(exact))


def approximate_matches(text: str, pattern: str, errors_max: int) -> list[Match]:
    """Return every match with the fewest errors: letters inserted, deleted or replaced."""
    haystack = Haystack(text)
    found = haystack.fewest_errors([(0, len(text))], pattern, errors_max)
    return [match for end in found.ends for match in haystack.ending(pattern, end, found.errors)]
