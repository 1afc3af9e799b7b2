"""Pages of the documentation: their blocks of code, and a shell that runs them.

A comment above a block says what to do with it:

- `<!-- file: NAME -->`: write it to a file of that name.
- `<!-- background -->`, `<!-- background URL -->`: start it, and go on when the service is ready
  or the URL answers.
- `<!-- started by the test as: COMMAND -->`: start the command in the background instead.
- `<!-- output -->`, `<!-- output starts with -->`: it is the output of the block before.
- `<!-- not run: REASON -->`: it cannot be run by a test.
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).parents[2]
README = PROJECT / "README.md"
SHELL, TRANSCRIPT = "sh", "console"
PORT = "8080"
_BLOCK = re.compile(
    r"(?:^<!-- (?P<mark>[^\n]*) -->\n)?^(?P<fence>```+)(?P<language>[\w-]*)[^\n]*\n"
    r"(?P<text>.*?)^(?P=fence)$",
    re.MULTILINE | re.DOTALL,
)
READY = "http://127.0.0.1:8080/readyz"
MARK = "--- block {number}"
STAND_IN = "started by the test as: "


class Block(NamedTuple):
    """A block of code, and the comment above it."""

    language: str
    text: str
    mark: str

    @property
    def is_run(self) -> bool:
        return self.language == SHELL and not self.mark.startswith("not run: ")


def pages() -> list[Path]:
    """Return the pages of the documentation, README first."""
    return [
        README,
        *(PROJECT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
        *sorted((PROJECT / "docs").rglob("*.md")),
        *sorted(
            page
            for page in (PROJECT / "infra").rglob("README.md")
            if "node_modules" not in page.parts
        ),
    ]


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a page. One in a list loses its indent."""
    text = re.sub(r"^ +(?=(```|<!-- ))", "", page.read_text("utf-8"), flags=re.MULTILINE)
    return [
        Block(found["language"], found["text"], found["mark"] or "")
        for found in _BLOCK.finditer(text)
    ]


def shown_file(page: str, name: str) -> str:
    """Return a file that a page shows."""
    [text] = [one.text for one in blocks(PROJECT / page) if one.mark == f"file: {name}"]
    return text


def write_files(page: Path, folder: Path, port: int) -> None:
    """Write the files that a page shows."""
    for block in blocks(page):
        if block.mark.startswith("file: "):
            file = folder / block.mark.removeprefix("file: ")
            file.write_text(block.text.replace(PORT, str(port)), "utf-8")


def script(page: Path, port: int, before: str = "") -> str:
    """Return the blocks of a page that are run, as one script of bash."""
    return "\n".join(["set -euo pipefail", before, *_steps(page)]).replace(PORT, str(port))


def _steps(page: Path) -> Iterator[str]:
    yield "pids=()"
    yield """trap 'code=$?; kill "${pids[@]}" 2>/dev/null || true; wait || true; exit $code' EXIT"""
    for number, block in enumerate(blocks(page)):
        if not block.is_run:
            continue
        yield f"echo; echo {shlex.quote(MARK.format(number=number))}"
        if not block.mark.startswith(("background", STAND_IN)):
            yield block.text
            continue
        text = block.mark.removeprefix(STAND_IN) if STAND_IN in block.mark else block.text
        *lines, last = text.strip().splitlines()
        named = re.search(r"http\S+", block.mark)
        url = READY if named is None else named[0]
        yield "\n".join(lines)
        yield f"exec {{log}}>background-{number}.log; {last} >&$log 2>&1 & pids+=($!)"
        yield (
            f"until curl -s -o /dev/null --fail {shlex.quote(url)}; do sleep 0.05; "
            f"kill -0 $! 2>/dev/null || {{ cat background-{number}.log; exit 1; }}; done"
        )


def check_output(page: Path, printed: str) -> None:
    """Compare what the blocks printed with what the page says that they do."""
    found = {int(one[1]): one[2] for one in re.finditer(_PRINTED, printed + "\n--- block -")}
    shown = blocks(page)
    for number, block in enumerate(shown):
        if block.mark.startswith("output"):
            before = max(one for one in range(number) if shown[one].is_run)
            got = found[before].strip()
            wanted = block.text.strip()
            if block.mark == "output starts with":
                got = got[: len(wanted)]
            assert got == wanted, f"{page.name}: {shown[before].text}\n{got}"


_PRINTED = re.compile(r"^--- block (\d+)\n(.*?)(?=^--- block )", re.MULTILINE | re.DOTALL)
