"""Packages from npm, in the versions of a lock file."""

import fcntl
import shutil
import subprocess
from pathlib import Path

from support.requirements import missing

TIMEOUT_SECONDS = 100
OPTIONS = ("--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1")


def install_packages(folder: Path) -> None:
    """Install what the folder's lock file names; skip the test if npm or its registry is away."""
    npm = shutil.which("npm")
    if npm is None:
        missing("node", "install nodejs and npm")
    lock, done = folder / "package-lock.json", folder / "node_modules/.installed.json"
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # other workers of the run wait, and find the packages
        if done.exists() and done.read_bytes() == lock.read_bytes():
            return
        try:
            ran = subprocess.run(
                [npm, "ci", *OPTIONS],
                cwd=folder,
                check=False,
                capture_output=True,
                text=True,
                timeout=TIMEOUT_SECONDS,
            )
        except subprocess.TimeoutExpired:
            missing("node", "npm installed nothing in time")
        # A lock file that is wrong is a fault, and no lack.
        assert "EUSAGE" not in ran.stderr and "EINTEGRITY" not in ran.stderr, ran.stderr
        if ran.returncode:
            missing("node", f"npm could not install packages: {ran.stderr[-300:]}")
        done.write_bytes(lock.read_bytes())
