"""The check of commit subjects: imperative, short, and quiet where there is no release tag."""

import subprocess
from pathlib import Path

import pytest

from checks.commit_subjects import complaint, main

GOOD = ("Cache id hashes", "Reject a full queue before reading the body", "Embed the reader")


def commit(folder: Path, subject: str) -> None:
    identity = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org")
    make = ("commit", "--quiet", "--allow-empty", "--no-verify", "-m", subject)
    subprocess.run(["git", "-C", str(folder), *identity, *make], check=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    return tmp_path


@pytest.mark.parametrize("subject", GOOD)
def test_an_imperative_is_accepted(subject: str) -> None:
    assert complaint(subject) is None


@pytest.mark.parametrize(
    "subject",
    [
        "Caches id hashes",
        "Cached id hashes",
        "Caching id hashes",
        "The cache of id hashes",
        "cache id hashes",
        "Cache id hashes.",
        f"Cache {'id ' * 20}hashes",
        "README: say more",
        "",
    ],
)
def test_other_subjects_are_refused(subject: str) -> None:
    assert complaint(subject) is not None


def test_only_commits_since_the_last_release_are_checked(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    commit(repository, "What was wrong before")
    subprocess.run(["git", "-C", str(repository), "tag", "v0.1.0"], check=True)
    commit(repository, GOOD[0])
    assert main(repository) == 0
    commit(repository, "Stuff.")
    assert main(repository) == 1
    assert "'Stuff.'" in capsys.readouterr().out


def test_a_clone_without_tags_passes_in_one_line(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    commit(repository, "What was wrong before")
    assert main(repository) == 0
    assert capsys.readouterr().out.splitlines() == [
        "commit subjects: no release tag here, nothing to check"
    ]
