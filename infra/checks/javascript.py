"""Check the web reader's JavaScript and style sheets with prettier, eslint and tsc.

Exits 1 if a check fails. Exits 0 also if node, npm or a registry is missing: the last line then
says that JavaScript was not checked. ROSTRA_TEST_REQUIRE=node makes a missing node an error.
`--fix` formats the files and mends what eslint can.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from checks.npm import NpmMissing, install_packages

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "infra/checks/js"
CHECKED = ("adapters/rostra_adapters/web", "tests/web", "infra/checks/js", "infra/demo")
SUFFIXES = (".css", ".js", ".mjs", ".ts")


def main() -> int:
    """Install the tools if the lock file has changed, and run each over the files."""
    if shutil.which("node") is None:
        print("JavaScript not checked: there is no node; install nodejs and npm")
        return 1 if "node" in os.environ.get("ROSTRA_TEST_REQUIRE", "").split(",") else 0
    try:
        install_packages(PACKAGE)
    except NpmMissing as missing:
        print(f"JavaScript not checked: {missing}")
        return 0
    fix = "--fix" in sys.argv[1:]
    results = [_run(name, *arguments) for name, *arguments in _commands(_files(), fix=fix)]
    return max(results)


def _files() -> list[str]:
    """List the files that git tracks or would add."""
    command = ("git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *CHECKED)
    try:
        done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
        names = done.stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):  # an unpacked archive is no clone
        found = (path for folder in CHECKED for path in (ROOT / folder).rglob("*"))
        names = [str(path.relative_to(ROOT)) for path in found if "node_modules" not in path.parts]
    return sorted({name for name in names if name.endswith(SUFFIXES) and (ROOT / name).is_file()})


def _commands(files: list[str], *, fix: bool) -> list[list[str]]:
    """Return the commands, each with the name of its program first."""
    scripts = [name for name in files if name.endswith((".js", ".mjs"))]
    return [
        ["eslint", "--config", str(PACKAGE / "eslint.config.js"), *(["--fix"] * fix), *scripts],
        [
            "prettier",
            *("--config", str(PACKAGE / "prettier.json"), "--log-level", "warn"),
            "--write" if fix else "--check",
            *files,
        ],
        ["tsc", "--project", str(PACKAGE)],
    ]


def _run(name: str, *arguments: str) -> int:
    program = PACKAGE / "node_modules/.bin" / name
    done = subprocess.run([str(program), *arguments], cwd=ROOT, check=False)
    print(f"{name}: {'failed' if done.returncode else 'passed'}", flush=True)
    return 1 if done.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
