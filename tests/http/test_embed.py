"""The web reader's files: small, kept for good by browsers, and whole."""

import re

from rostra_adapters.http.embed import read, without_comments
from service import Service

BYTES_MAX = 40 * 1024


async def test_the_entry_leads_to_modules_that_never_change(service: Service) -> None:
    entry = await service.ask("GET", "/embed/rostra.js")
    assert entry.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert "must-revalidate" in entry.headers["Cache-Control"]
    [path] = re.findall(r'"\./([0-9a-f]+/rostra\.js)"', entry.body.decode())
    at_once = re.findall(r'import "\./[0-9a-f]+/(\w+\.js)"', entry.body.decode())
    assert {"api.js", "comment.js", "markup.js"} <= set(at_once)
    assert "anchoring.js" not in at_once  # a page without an article does without
    seen: set[str] = set()
    waiting, size = [path.partition("/")[2]], 0
    folder = path.partition("/")[0]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        module = await service.ask(
            "GET", f"/embed/{folder}/{name}", headers={"Accept-Encoding": "gzip"}
        )
        assert module.status == 200, name
        assert not re.findall(r"(?m)^\s*(//|/\*\*)", module.body.decode()), name
        assert "immutable" in module.headers["Cache-Control"]
        size += int(module.headers["Content-Length"])
        waiting += re.findall(r'(?:from|import\()\s*"\./(\w+\.js)"', module.body.decode())
        assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)", module.body.decode()), name
    assert {"rostra.js", "comment.js", "passages.js", "panel.js", "anchoring.js"} <= seen
    assert seen == {name for name in read("rostra_adapters.embed") if name.endswith(".js")}
    assert size < BYTES_MAX


async def test_another_version_is_not_there(service: Service) -> None:
    for path in ("/embed/0000000000000000/rostra.js", "/embed/x/../../settings.py"):
        assert (await service.ask("GET", path)).status == 404


async def test_a_demo_is_shown_where_it_was_asked_for_alone(service: Service) -> None:
    for path in ("/demo", "/demo/people.json", "/demo/demo.js"):
        assert (await service.ask("GET", path)).status == 404


async def test_the_entry_is_asked_for_again_and_answers_that_nothing_has_changed(
    service: Service,
) -> None:
    entry = await service.ask("GET", "/embed/rostra.js")
    again = await service.ask(
        "GET", "/embed/rostra.js", headers={"If-None-Match": entry.headers["ETag"]}
    )
    assert (again.status, again.body) == (304, b"")
    assert "immutable" not in entry.headers["Cache-Control"]


def test_comments_alone_are_left_out() -> None:
    code = (
        b"// said\nconst a = `\n* { }`; // kept\n  /** said\n * more\n */\nlet b = '/** kept */';\n"
    )
    kept = b"const a = `\n* { }`; // kept\nlet b = '/** kept */';\n"
    assert without_comments(code) == kept
