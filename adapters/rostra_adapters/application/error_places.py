"""Errors described without their text, which may hold a person's words."""

import traceback
from pathlib import Path


def error_place(error: BaseException) -> str:
    """Return the type of an error that was raised, and its place, for logs and tables."""
    *_, last = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"
