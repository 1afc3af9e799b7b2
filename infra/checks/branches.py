"""Print which share of the branches of each package tests reached, from coverage's data file.

Exits 1 if it is below 95 % of all branches. That is stricter than 95 % of the branches that any
test reaches, and it needs no run of the slow tests.
"""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

PERCENT_MIN = 95.0


def main() -> int:
    """Report the branches in `.coverage`, those of single files that miss most included."""
    command = [sys.executable, "-m", "coverage", "json", "--quiet", "-o", "-"]
    files = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["files"]
    found: Counter[str] = Counter()
    reached: Counter[str] = Counter()
    for name, file in files.items():
        for row in (Path(name).parts[0], "all"):
            found[row] += file["summary"]["num_branches"]
            reached[row] += file["summary"]["covered_branches"]
    for row in sorted(found):
        print(
            f"{row}: {reached[row]} of {found[row]} branches, {_percent(reached, found, row):.1f} %"
        )
    missing = sorted(files, key=lambda name: -files[name]["summary"]["missing_branches"])
    for name in missing[:10]:
        print(f"  {name}: {files[name]['summary']['missing_branches']} branches not reached")
    return 0 if _percent(reached, found, "all") >= PERCENT_MIN else 1


def _percent(reached: Counter[str], found: Counter[str], row: str) -> float:
    return 100 * reached[row] / max(1, found[row])


if __name__ == "__main__":
    sys.exit(main())
