"""Check the subjects of the commits since the last release tag.

A subject has at most 60 characters and begins with an imperative, like "Cache id hashes". Without
a release tag (`v…`), as in a shallow clone, nothing is checked and one line says so.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]
SUBJECT_CHARACTERS_MAX = 60

_NO_IMPERATIVE = re.compile(r"(?:\w+(?:ed|ing)|an?|the|this|that|some|more|no|not|it|its)$")
# Verbs that only look like one of these.
_IMPERATIVES = {"bring", "embed", "feed", "need", "proceed", "ring", "seed", "shed", "speed"}


def complaint(subject: str) -> str | None:
    """Return what is wrong with a commit's subject, None if nothing is."""
    if len(subject) > SUBJECT_CHARACTERS_MAX:
        return f"{len(subject)} characters, at most {SUBJECT_CHARACTERS_MAX}"
    if subject.endswith("."):
        return "ends with a period"
    first = subject.split(maxsplit=1)[0] if subject.strip() else ""
    if not re.fullmatch(r"[A-Z][a-z-]+", first):
        return "does not begin with a capitalised verb"
    word = first.lower()
    is_third_person = word.endswith("s") and not word.endswith(("ss", "us"))
    if word not in _IMPERATIVES and (_NO_IMPERATIVE.fullmatch(word) or is_third_person):
        return f"begins with {first!r}, which is no imperative"
    return None


def last_release(folder: Path) -> str | None:
    """Return the last release tag before the head, None if there is none."""
    found = _git(folder, "describe", "--tags", "--abbrev=0", "--match", "v[0-9]*")
    return found.stdout.strip() if found.returncode == 0 else None


def main(folder: Path = PROJECT) -> int:
    """Print each subject that breaks a rule. Return the exit code."""
    tag = last_release(folder) if shutil.which("git") else None
    if tag is None:
        print("commit subjects: no release tag here, nothing to check")
        return 0
    log = _git(folder, "log", "--no-merges", "--format=%h%x09%s", f"{tag}..HEAD").stdout
    broken = 0
    for line in log.splitlines():
        commit, _, subject = line.partition("\t")
        if (found := complaint(subject)) is not None:
            print(f"{commit} {subject!r}: {found}")
            broken = 1
    return broken


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", "-C", str(folder), *arguments],  # noqa: S607  # whichever git the developer has
        capture_output=True,
        text=True,
        check=False,
    )


if __name__ == "__main__":
    sys.exit(main())
