"""Cases of a parametrised test, of which `make test` takes one."""

from collections.abc import Sequence
from typing import Any

import pytest


def first_is_quick(cases: Sequence[Any]) -> list[Any]:
    """Mark all cases but the first as slow; the first must be of the same kind as the others."""
    first, *others = cases
    slow = [case if isinstance(case, tuple) else (case,) for case in others]
    return [first, *(pytest.param(*values, marks=pytest.mark.slow) for values in slow)]
