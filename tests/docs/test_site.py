"""The generated reference matches the code, and the site builds without a warning or a request."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from reference.write import DOCS, rewritten
from support.pages import PROJECT


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.name)
def test_what_is_generated_matches_the_code(page: Path) -> None:
    """Run `make docs` where it does not."""
    text = page.read_text("utf-8")
    if "<!-- generated: " in text:
        assert rewritten(text) == text


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)],
        cwd=PROJECT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    assert "WARNING" not in built.stderr
    loaded = set()
    for page in tmp_path.rglob("*.html"):
        html = page.read_text("utf-8")
        for tag in re.findall(r"<(?:script|img|iframe|link)\b[^>]*>", html):
            if 'rel="canonical"' not in tag:
                loaded |= set(re.findall(r'(?:src|href)="((?:https?:)?//[^"]+)', tag))
    assert loaded == set()
    assert len(list(tmp_path.rglob("*.html"))) > 60
