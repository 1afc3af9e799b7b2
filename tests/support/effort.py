"""Number of examples of property tests: `HYPOTHESIS_PROFILE` is `dev`, `ci` (default) or `nightly`.

Each profile also switches off hypothesis's checks of wall-clock time, which a busy machine fails.
"""

import os

from hypothesis import HealthCheck, settings

SCALES = {"dev": 0.25, "ci": 1.0, "nightly": 20.0}
DEFAULT_EXAMPLES = 100
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "ci")


def examples(count: int) -> int:
    """Scale a number of examples to the profile; at least one."""
    return max(1, round(count * SCALES[PROFILE]))


def load_profile() -> None:
    """Make the profile the default of all property tests."""
    settings.register_profile(
        PROFILE,
        max_examples=examples(DEFAULT_EXAMPLES),
        deadline=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile(PROFILE)
