"""Ask an advisory database for known vulnerabilities of the locked dependencies.

Exits 1 if a locked version has one. Exits 0 if none is known, and also if no advisory database
answers: the last line then says that nothing was audited.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TIMEOUT_SECONDS = 120
ARGUMENTS = ("--format", "json", "--progress-spinner", "off", "--disable-pip", "--require-hashes")


def main() -> int:
    """Run pip-audit over requirements.lock and report in one line, or one line a vulnerability."""
    command = [sys.executable, "-m", "pip_audit", *ARGUMENTS, "-r", str(ROOT / "requirements.lock")]
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=TIMEOUT_SECONDS
        )
        audited = [one for one in json.loads(done.stdout)["dependencies"] if "vulns" in one]
    except (subprocess.TimeoutExpired, ValueError):
        audited = []
    if not audited:
        print("dependencies not audited: no advisory database answered")
        return 0
    vulnerable = [(one, vulnerability) for one in audited for vulnerability in one["vulns"]]
    for one, vulnerability in vulnerable:
        fixed = ", ".join(vulnerability["fix_versions"]) or "no version yet"
        print(f"{one['name']} {one['version']}: {vulnerability['id']}, fixed in {fixed}")
    if not vulnerable:
        print(f"no known vulnerability in {len(audited)} locked dependencies")
    return 1 if vulnerable else 0


if __name__ == "__main__":
    sys.exit(main())
