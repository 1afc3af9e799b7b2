"""Options of `rostra serve` for the limits of requests and connections."""

import msgspec

from rostra_adapters.cli.http_limits import HTTP_LIMITS
from rostra_adapters.http import HttpSettings


def test_each_option_names_a_setting_with_its_default() -> None:
    fields = {field.name: field.default for field in msgspec.structs.fields(HttpSettings)}
    assert {name: default for name, (default, _) in HTTP_LIMITS.items()} == {
        name: fields[name] for name in HTTP_LIMITS
    }
