"""How long property tests search: `HYPOTHESIS_PROFILE` is `dev`, `ci` (default) or `nightly`."""

import os

from hypothesis import settings

SCALES = {"dev": 0.25, "ci": 1.0, "nightly": 20.0}
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "ci")

for name in SCALES:
    settings.register_profile(name, deadline=None, print_blob=True)
settings.load_profile(PROFILE)


def examples(count: int) -> int:
    """Scale a number of examples to the profile; at least one."""
    return max(1, round(count * SCALES[PROFILE]))
