"""Print which share of the branches that any test reaches is reached by `make test`.

    python infra/checks/branches.py QUICK SLOW

names the data files of coverage: of the tests that `make test` runs, and of the slow ones. Exits 1
if the share is below 95 %. Files are listed whose branches slow tests alone reach.
"""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

PERCENT_MIN = 95.0
FILES_LISTED = 10

Branch = tuple[str, int, int]
"""A file, and the numbers of the lines that a branch leads from and to."""


def main(quick: str, slow: str) -> int:
    """Report what the two data files hold."""
    by_quick = _listed(quick, "executed_branches")
    existing = by_quick | _listed(quick, "missing_branches")
    by_slow = (
        _listed(slow, "executed_branches") & existing
    )  # they run copies of older versions, too
    by_all = by_quick | by_slow
    for package in sorted({_package(branch) for branch in existing}):
        _say(package, *(_of(package, found) for found in (by_quick, by_all, existing)))
    _say("all", len(by_quick), len(by_all), len(existing))
    only_slow = Counter(file for file, _, _ in by_slow - by_quick)
    for file, branches in only_slow.most_common(FILES_LISTED):
        print(f"  {file}: {branches} branches that only slow tests reach")
    return 0 if 100 * len(by_quick) >= PERCENT_MIN * len(by_all) else 1


def _say(package: str, quick: int, every: int, existing: int) -> None:
    print(
        f"{package}: {quick} of {every} branches that tests reach, "
        f"{100 * quick / max(1, every):.1f} %; there are {existing}"
    )


def _of(package: str, branches: set[Branch]) -> int:
    return sum(_package(branch) == package for branch in branches)


def _package(branch: Branch) -> str:
    return Path(branch[0]).parts[0]


def _listed(data: str, key: str) -> set[Branch]:
    command = [sys.executable, "-m", "coverage", "json", f"--data-file={data}", "-q", "-o", "-"]
    files = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["files"]
    return {(name, *branch) for name, file in files.items() for branch in file[key]}


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
