"""The web reader's files: small, kept for good by browsers, and whole."""

import re

import pytest

from rostra_adapters.http.joining import join_modules
from rostra_adapters.http.routes.embed import WORDS, compact_code, compact_style, read
from support.service import Service

BYTES_MAX = 45 * 1024
LATER_BYTES_MAX = 11 * 1024
COUNT_BYTES_MAX = 6 * 1024
AT_FIRST = ("rostra.js", "passages.js")
LATER = ("people.js", "mention.js")
"""Parts for persons who come back, and for who types an `@`."""


async def loaded(service: Service, entry: str) -> tuple[str, dict[str, bytes], dict[str, int]]:
    """Return the folder, the modules that an entry leads to, and their sizes compressed."""
    first = await service.ask("GET", f"/embed/{entry}")
    assert first.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert "must-revalidate" in first.headers["Cache-Control"]
    [(folder, name)] = re.findall(r'"\./([0-9a-f]+)/(\w+\.js)"', first.body.decode())
    assert name == entry
    bodies: dict[str, bytes] = {}
    sizes: dict[str, int] = {}
    waiting = [name]
    while waiting:
        name = waiting.pop()
        if name in bodies:
            continue
        module = await service.ask(
            "GET", f"/embed/{folder}/{name}", headers={"Accept-Encoding": "gzip"}
        )
        assert module.status == 200, name
        bodies[name] = module.body
        code = module.body.decode()
        assert not re.findall(r"(?m)^\s*//|/\*\*", code), name
        assert "immutable" in module.headers["Cache-Control"]
        sizes[name] = int(module.headers["Content-Length"])
        waiting += re.findall(r'(?:from|import\()\s*"\./(\w+\.js)"', code)
        assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg|\$\{)", code), name
    return folder, bodies, sizes


async def test_the_entry_leads_to_modules_that_never_change(service: Service) -> None:
    folder, bodies, sizes = await loaded(service, "rostra.js")
    assert set(bodies) == {*AT_FIRST, *LATER}
    assert b"class Article" not in bodies["rostra.js"]  # a page without an article does without
    for name, code in read("rostra_adapters.web").items():
        if not name.endswith(".js") or name == "count.js":
            continue
        for exported in re.findall(rb"^export (?:async )?\w+\*? (\w+)", code, re.MULTILINE):
            assert sum(body.count(b" " + exported) > 0 for body in bodies.values()), name
    words = {path: await words_bytes(service, f"/embed/{folder}/{path}") for path in WORDS}
    assert sum(sizes[name] for name in AT_FIRST) + words["languages"] < BYTES_MAX
    assert sum(sizes[name] for name in LATER) + words["languages/people"] < LATER_BYTES_MAX


async def words_bytes(service: Service, path: str) -> int:
    """Return the compressed size of the longest language's words."""
    package = WORDS[path.partition("/embed/")[2].partition("/")[2]]
    tables = [
        await service.ask("GET", f"{path}/{name}", headers={"Accept-Encoding": "gzip"})
        for name in read(package)
    ]
    assert {one.headers["Content-Type"] for one in tables} == {"application/json; charset=utf-8"}
    return max(int(one.headers["Content-Length"]) for one in tables)


async def test_the_script_that_counts_is_small_and_has_nothing_of_the_reader(
    service: Service,
) -> None:
    _, bodies, sizes = await loaded(service, "count.js")
    assert set(bodies) == {"count.js"}
    assert b"rostra-discussion" not in bodies["count.js"]
    assert sizes["count.js"] < COUNT_BYTES_MAX


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


def test_comments_and_indentation_are_left_out() -> None:
    code = (
        b"// said\nconst a = `* { }`; // kept\n\n  /** said\n * more\n */\n"
        b"  let b = '/** kept */';\n"
        b"/** kept */ (b).c();\n/** said */\n"
    )
    kept = b"const a = `* { }`; // kept\nlet b = '/** kept */';\n/** kept */ (b).c();\n"
    assert compact_code(code) == kept
    with pytest.raises(ValueError, match="goes on after its line"):
        compact_code(b"const a = `\n  kept`;\n")


def test_a_style_sheet_is_sent_without_comments_and_indentation() -> None:
    sheet = (
        b"/* said\n * more */\n\np {\n  color: red; /* kept */\n}\n"
        b'q::before {\n  content: "/* */";\n}\n'
    )
    kept = b'p {\ncolor: red; /* kept */\n}\nq::before {\ncontent: "/* */";\n}\n'
    assert compact_style(sheet) == kept


# -- joining


def test_what_two_modules_call_alike_stays_apart() -> None:
    files = join_modules(
        {
            "a.js": 'import { f } from "./b.js";\nconst N = 1;\nexport const g = () => N + f();\n',
            "b.js": "const N = 2;\nexport function f() {\n  return N;\n}\n",
        },
        "a.js",
    )
    assert files == {
        "a.js": "const { f } = (() => {\nconst N = 2;\nfunction f() {\n  return N;\n}\n"
        "return { f };\n})();\nconst { g } = (() => {\nconst N = 1;\nconst g = () => N + f();\n"
        "return { g };\n})();\nexport { f, g };\n"
    }


def test_a_style_sheet_becomes_a_constructed_one_that_its_importers_share() -> None:
    imported = 'import s from "./s.css" with { type: "css" };\n'
    files = join_modules(
        {
            "a.js": f'{imported}import {{ b }} from "./b.js";\nexport const a = [s, b];\n',
            "b.js": f"{imported}export const b = s;\n",
            "s.css": 'p::after {\ncontent: "\\201c`${}";\n}\n',
        },
        "a.js",
    )
    assert files["a.js"].startswith(
        "const { s } = (() => {\nconst s = new CSSStyleSheet();\n"
        r's.replaceSync("p::after {\ncontent: \"\\201c`${}\";\n}\n");'
    )
    assert files["a.js"].count("new CSSStyleSheet") == 1
    assert files["a.js"].endswith("export { s, b, a };\n")


def test_json_becomes_a_constant() -> None:
    files = join_modules(
        {
            "a.js": 'import en from "./languages/en.json" with { type: "json" };\n'
            "export const a = en.b;\n",
            "en.json": '{\n  "b": "c\u2028\\""\n}\n',
        },
        "a.js",
    )
    assert 'const en = {"b": "c\u2028\\""};' in files["a.js"]


def test_what_is_imported_later_takes_what_is_there() -> None:
    files = join_modules(
        {
            "a.js": 'import { f } from "./b.js";\nexport const g = () => import("./c.js");\n',
            "b.js": "export class f {}\n",
            "c.js": 'import { f } from "./b.js";\nimport { d } from "./d.js";\nexport class c {}\n',
            "d.js": "export class d {}\n",
        },
        "a.js",
    )
    assert set(files) == {"a.js", "c.js"}
    assert files["c.js"].startswith('import { f } from "./a.js";\nconst { d } = ')
    assert "class f" not in files["c.js"]


@pytest.mark.parametrize(
    "line",
    [
        'import { a as b } from "./b.js";',
        'import * as b from "./b.js";',
        "export default 1;",
        "export let a = 1;",
        'export * from "./b.js";',
        'import { a } from "./a.js";',
        'import { s } from "./s.css";',
        'import other from "./s.css" with { type: "css" };',
        'import s from "./s.css";',
    ],
)
def test_what_cannot_be_joined_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"a\.js"):
        join_modules(
            {"a.js": f"{line}\n", "b.js": "export class a {}\n", "s.css": "p { }\n"}, "a.js"
        )


def test_what_comes_later_may_import_nothing_that_comes_later_still() -> None:
    modules = {
        "a.js": 'export const a = () => import("./b.js");\n',
        "b.js": 'export const b = () => import("./c.js");\n',
        "c.js": "export const c = 1;\n",
    }
    with pytest.raises(ValueError, match=r"b\.js"):
        join_modules(modules, "a.js")
