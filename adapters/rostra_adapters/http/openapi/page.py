"""The description as a page to read: plain HTML that loads nothing."""

import json
from html import escape
from typing import Any

from rostra_adapters.http.middleware.security_headers import policy

STYLE = """
body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
code,pre{font-size:.9rem} pre{overflow:auto;background:#8881;padding:.5rem}
summary{cursor:pointer;padding:.2rem 0}
td,th{text-align:left;padding:.1rem .8rem .1rem 0;vertical-align:top}
.method{display:inline-block;min-width:4.5rem;font-weight:bold}
:root{color-scheme:light dark}
"""
POLICY = policy(STYLE)
PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Rostra: the HTTP interface</title>
<style>{style}</style>
<h1>Rostra: the HTTP interface</h1>
<p>The same for programs: <a href="/openapi.json">/openapi.json</a>. What goes wrong:
<a href="/problems">/problems</a>.</p>
{operations}
<h2>Types</h2>
{types}
</html>
"""

Schema = dict[str, Any]


def page(document: Schema) -> str:
    """The whole page."""
    operations = [
        _operation(method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    types = [
        f'<details id="{escape(name)}"><summary><code>{escape(name)}</code></summary>'
        f"{_described(schema)}{_json(schema)}</details>"
        for name, schema in sorted(document["components"]["schemas"].items())
    ]
    return PAGE.format(style=STYLE, operations="\n".join(operations), types="\n".join(types))


def _operation(method: str, path: str, operation: Schema) -> str:
    head = f'<span class="method">{method.upper()}</span><code>{escape(path)}</code>'
    said = [
        f"<details><summary>{head} {escape(operation['summary'])}</summary>",
        _described(operation),
        _parameters(operation["parameters"]),
    ]
    if "requestBody" in operation:
        said.append(f"<h4>Takes</h4>{_content(operation['requestBody']['content'])}")
    said.append("<h4>Answers</h4>")
    for status, answer in operation["responses"].items():
        about = f"<p><b>{status}</b> {escape(answer['description'])}</p>"
        said.append(about + (_content(answer["content"]) if int(status) < 300 else ""))
    return "\n".join([*said, "</details>"])


def _described(schema: Schema) -> str:
    text = schema.get("description")
    return f"<p>{escape(text)}</p>" if text else ""


def _parameters(parameters: list[Schema]) -> str:
    if not parameters:
        return ""
    rows = [
        f"<tr><td><code>{escape(one['name'])}</code><td>{one['in']}"
        f"{', required' if one['required'] else ''}<td><code>{escape(json.dumps(one['schema']))}"
        f"</code><td>{escape(one.get('description', ''))}"
        for one in parameters
    ]
    return f"<h4>Parameters</h4><table>{''.join(rows)}</table>"


def _content(content: Schema) -> str:
    return "".join(
        f"<p><code>{escape(media_type)}</code></p>{_json(media.get('schema', {}))}"
        for media_type, media in content.items()
    )


def _json(schema: Schema) -> str:
    return f"<pre>{escape(json.dumps(schema, indent=2, ensure_ascii=False))}</pre>"
