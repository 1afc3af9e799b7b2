"""Packages from npm, in the versions of a lock file."""

import fcntl
import shutil
import subprocess
from pathlib import Path

TIMEOUT_SECONDS = 100
OPTIONS = ("--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1")


class NpmMissing(Exception):
    """npm or its registry is missing; the message says which."""


class LockFileWrong(Exception):
    """The lock file does not fit package.json, or a package is not what it names."""


def install_packages(folder: Path) -> None:
    """Install what the folder's lock file names, unless that is done; other processes wait.

    Raises NpmMissing and LockFileWrong.
    """
    lock, installed = folder / "package-lock.json", folder / "node_modules/.installed.json"
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not (installed.exists() and installed.read_bytes() == lock.read_bytes()):
            _install(folder)
            installed.write_bytes(lock.read_bytes())


def _install(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise NpmMissing("there is no npm; install it")
    try:
        done = subprocess.run(
            [npm, "ci", *OPTIONS],
            cwd=folder,
            check=False,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise NpmMissing(f"npm installed nothing within {TIMEOUT_SECONDS} seconds") from None
    if "EUSAGE" in done.stderr or "EINTEGRITY" in done.stderr:
        raise LockFileWrong(done.stderr)
    if done.returncode:
        raise NpmMissing(f"npm could not install packages ({_code(done.stderr)})")


def _code(stderr: str) -> str:
    """Return npm's error code, such as ECONNREFUSED."""
    codes = [line.split()[-1] for line in stderr.splitlines() if " code " in line]
    return codes[0] if codes else "no error code"
