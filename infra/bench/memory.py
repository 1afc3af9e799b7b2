"""Peak memory of a process and its children.

The kernel's high-water marks (VmHWM) are added up. `getrusage` would not do: its figure for a child
begins at the size of the parent.
"""

import asyncio
import re
from pathlib import Path

LOOK_SECONDS = 0.05

_HIGH_WATER = re.compile(r"VmHWM:\s+(\d+) kB")


class Peak:
    """Peak memory of a process and its descendants: `bytes` is that of the largest one."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.bytes = 0

    def look(self) -> int:
        """Take the marks now; returns the largest so far."""
        self.bytes = max([self.bytes, *map(_high_water, _family(self.pid))])
        return self.bytes

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_SECONDS)


def _family(pid: int) -> list[int]:
    found = [pid]
    for one in found:
        for children in Path(f"/proc/{one}/task").glob("*/children"):
            try:
                found += map(int, children.read_text().split())
            except OSError:  # it has ended
                continue
    return found


def _high_water(pid: int) -> int:
    try:
        found = _HIGH_WATER.search(Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0
