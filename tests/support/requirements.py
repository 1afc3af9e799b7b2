"""What a run may lack, and whether tests that need it are skipped or fail."""

import os
from typing import NoReturn

import pytest

REQUIRED = "ROSTRA_TEST_REQUIRE"
MISSING = "there is no "


def missing(name: str, how_to_get_it: str) -> NoReturn:
    """Fail if ROSTRA_TEST_REQUIRE names what is missing, else skip."""
    if name in os.environ.get(REQUIRED, "").split(","):
        pytest.fail(f"{REQUIRED} names {name}, and {MISSING}{name}: {how_to_get_it}")
    pytest.skip(f"{MISSING}{name}: {how_to_get_it}")
