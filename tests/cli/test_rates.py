"""Rates as options: their defaults, and how workers share them out."""

import msgspec

from rostra_adapters.cli.options import RATE
from rostra_adapters.cli.rates import RATES, default_rate, settings_of
from rostra_adapters.http import HttpSettings
from rostra_adapters.http_limits import Rate
from support.service import SECRET


def test_every_rate_of_the_settings_is_an_option_with_its_default() -> None:
    defaults = HttpSettings(secret=SECRET)
    rates = {
        field.name: getattr(defaults, field.name)
        for field in msgspec.structs.fields(HttpSettings)
        if field.type == Rate | None
    }
    given = {name: RATE.convert(default_rate(name), None, None) for name in RATES}
    assert settings_of(given, workers=1) == rates


def test_workers_share_out_what_each_of_them_counts_alone() -> None:
    given = {"reader_rate": (1_200, 20.0), "person_rate": (2, 0.1), "comments_per_person": (10, 1)}
    assert settings_of(given, workers=4) == {
        "reader_rate": Rate(300, 5.0),
        "person_rate": Rate(1, 0.025),
        "comments_per_person": Rate(10, 1),
    }
    assert settings_of({"reader_rate": None}, workers=4) == {"reader_rate": None}
