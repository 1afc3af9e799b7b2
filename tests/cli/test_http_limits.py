"""Options of `rostra serve` for the limits of requests, answers and connections."""

import msgspec

from rostra_adapters.cli.http_limits import HTTP_LIMITS
from rostra_adapters.cli.serve import serve
from rostra_adapters.http import HttpSettings


def test_each_number_among_the_settings_is_an_option_with_its_default() -> None:
    fields = {
        field.name: field.default
        for field in msgspec.structs.fields(HttpSettings)
        if field.type in (int, float)
    }
    assert {name: default for name, (default, _) in HTTP_LIMITS.items()} == fields
    options = {option.name: option for option in serve.params}
    for name, default in fields.items():
        assert options[name].envvar == f"ROSTRA_{name.upper()}"
        assert options[name].default == default
