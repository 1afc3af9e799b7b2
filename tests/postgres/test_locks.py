"""The numbers of advisory locks and the names of channels are written once, in `locks`; functions
in SQL files, which cannot import, say the same.
"""

import re
from importlib import resources
from pathlib import Path

import rostra_adapters
from rostra_adapters.postgres import locks

ADAPTERS = Path(rostra_adapters.__file__).parent
SQL_FILES = resources.files("rostra_adapters.postgres").joinpath("sql")
NUMBER = re.compile(r"\b\d{12,}\b")
NAMED_LOCK = re.compile(r"pg_(?:try_)?advisory_\w*lock\w*\([^$){]*\d")
NAMED_CHANNEL = re.compile(r"(?:pg_notify|Notifications|add_listener)\([^$)]*[\"'](\w+)[\"']")


def found_in_sql(pattern: re.Pattern[str]) -> dict[str, list[str]]:
    texts = {file.name: file.read_text("utf-8") for file in SQL_FILES.iterdir()}
    found = {name: pattern.findall(text) for name, text in texts.items()}
    return {name: all_found for name, all_found in found.items() if all_found}


def modules() -> dict[str, str]:
    files = [*ADAPTERS.rglob("*.py"), *Path(__file__).parent.parent.rglob("*.py")]
    left_out = {Path(locks.__file__), Path(__file__)}
    return {str(file): file.read_text("utf-8") for file in files if file not in left_out}


def test_sql_functions_lock_the_numbers_of_the_module() -> None:
    assert found_in_sql(NUMBER) == {
        "append_on.sql": [str(locks.LOG_WRITER)],
        "one_writer.sql": [str(locks.LOG_WRITER)],
        "open_epoch.sql": [str(locks.LOG_WRITER)],
        "reserve_vote.sql": [str(locks.GUEST_VOTE_SEED)],
    }


def test_sql_functions_notify_the_channels_of_the_module() -> None:
    assert found_in_sql(NAMED_CHANNEL) == {"announce.sql": [locks.EVENTS]}


def test_no_other_module_spells_a_number_out() -> None:
    numbers = {str(number) for number in vars(locks).values() if isinstance(number, int)}
    assert len(numbers) >= 4
    for file, text in modules().items():
        assert numbers.isdisjoint(NUMBER.findall(text.replace("_", ""))), file
        assert not NAMED_LOCK.search(text), file


def test_no_other_module_spells_a_channel_out() -> None:
    for file, text in modules().items():
        assert locks.ERASURES not in NAMED_CHANNEL.findall(text), file
        assert locks.EVENTS not in NAMED_CHANNEL.findall(text), file
        assert not re.search(r"[\"']rostra_views_(\{|[\"'])", text), file


def test_the_projector_of_each_lineage_has_a_lock_and_a_channel_of_its_own() -> None:
    a, b = "0123456789ab", "ba9876543210"
    assert locks.projector_lock(a) != locks.projector_lock(b)
    assert 0 <= locks.projector_lock(a) < 2**63
    assert locks.views_channel(a) != locks.views_channel(b)
