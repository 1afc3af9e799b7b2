"""An operator erases a person: in processes of their own, in files on a disk, and for good."""

import json
import os
import shutil
import signal
from pathlib import Path

import pytest

from erasure.test_nothing_is_found import BOBS, WORDS, bytes_of, conversation
from rostra import ids
from support.running import Rostra, Service

DISCUSSION = ids.discussion_id("gazette", "/trams")
FEW_SECONDS = 30


def shown(service: Service, moderator: str) -> str:
    """What a reader and a moderator read, kept pages among it."""
    path, head = f"/v1/discussions/{DISCUSSION}/comments", service.head()
    comment = ids.comment_id(DISCUSSION, "a1")
    return json.dumps(
        [
            service.get(path, min_position=head, wait=FEW_SECONDS),
            service.get(path),
            service.get(path, flat="true", token=moderator),
            service.get(f"/v1/comments/{comment}/history", token=moderator),
        ]
    )


def words_in(text: str) -> list[str]:
    return [word for word in WORDS if word in text]


def no_words_in_files(folder: Path) -> None:
    for path, data in bytes_of(folder):
        found = [word for word in WORDS if word.encode() in data]
        assert not found, (path, found)


@pytest.mark.slow
def test_erased_on_the_command_line_it_is_gone_from_all_processes_files_and_backups(
    rostra: Rostra, folder: Path, tmp_path: Path
) -> None:
    events, backup = tmp_path / "events.ndjson", tmp_path / "backup"
    events.write_text("\n".join(map(json.dumps, conversation())))
    with rostra.serving() as here, rostra.serving() as there:
        moderator = rostra.token("moderate", "--site", "gazette")
        rostra.publish(here, events)
        before = [shown(service, moderator) for service in (here, there)]
        assert all(words_in(text) for text in before)
        assert "keys" in rostra.must("backup", backup)

        said = rostra.must("erase", "ann", "--site", "gazette")
        assert said == "ann of gazette is erased: none of their words can be read\n"
        for service in (there, here):
            assert not words_in(shown(service, moderator))
            assert BOBS in shown(service, moderator)
        rostra.rows("checkpoint")
        no_words_in_files(folder)
        last = shown(here, moderator)

    other = Rostra(folder / "other")
    other.data.mkdir()
    for key in ("master-key", "secret"):
        shutil.copy(rostra.data / key, other.data)
    refused = other.run("restore", backup)
    assert (refused.code, "would come back" in refused.err) == (1, True)
    newest = rostra.data / "erasures.ndjson"
    assert "1 erasures" in other.must("restore", backup, "--erasures", newest)
    assert (other.data / "erasures.ndjson").read_bytes() == newest.read_bytes()
    with other.serving() as service:
        again = shown(service, moderator)
        assert not words_in(again)
        assert again.count(BOBS) == last.count(BOBS)
        other.rows("checkpoint")
    no_words_in_files(folder)


@pytest.mark.skipif("ROSTRA_TEST_LARGE" not in os.environ, reason="half a minute")
def test_a_process_that_was_killed_or_hangs_does_not_keep_an_erasure_waiting_for_ever(
    rostra: Rostra, tmp_path: Path
) -> None:
    events = tmp_path / "events.ndjson"
    events.write_text("\n".join(map(json.dumps, conversation())))
    with rostra.serving() as here, rostra.serving() as there:
        moderator = rostra.token("moderate", "--site", "gazette")
        rostra.publish(here, events)
        assert words_in(shown(there, moderator))
        there.process.send_signal(signal.SIGSTOP)
        try:
            assert "is erased" in rostra.must("erase", "ann", "--site", "gazette")
            assert not words_in(shown(here, moderator))
        finally:
            there.process.send_signal(signal.SIGCONT)
        assert not words_in(shown(there, moderator))


def test_what_is_no_person_is_refused(rostra: Rostra) -> None:
    assert rostra.run("erase", "ann@example.org", "--site", "gazette").code == 2
    assert rostra.run("erase", "ann").code == 2
