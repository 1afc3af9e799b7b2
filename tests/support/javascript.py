"""Run the web reader's modules with node."""

import shutil
import subprocess
from pathlib import Path

from checks import npm
from support.requirements import missing

MODULES = Path(__file__).parents[2] / "adapters/rostra_adapters/web"
TIMEOUT_SECONDS = 110


def copy_modules(folder: Path) -> Path:
    """Copy the modules into `folder`, where every version of node takes them for modules.

    Node needs a package.json for that, which a browser does not and the wheel should not have.
    """
    copied = folder / "web"
    shutil.copytree(MODULES, copied, ignore=shutil.ignore_patterns("*.py", "__pycache__", "demo"))
    (copied / "package.json").write_text('{"type": "module"}\n')
    return copied


def require_packages(folder: Path) -> None:
    """Install what the folder's lock file names; skip the test if npm or its registry is away."""
    try:
        npm.install_packages(folder)
    except npm.NpmMissing as error:
        missing("node", str(error))


def run_node(*arguments: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run node to its end and return its output, whatever its exit code."""
    node = shutil.which("node")
    if node is None:
        missing("node", "install nodejs")
    return subprocess.run(
        [node, *map(str, arguments)],
        input=stdin,
        capture_output=True,
        check=False,
        timeout=TIMEOUT_SECONDS,
    )
