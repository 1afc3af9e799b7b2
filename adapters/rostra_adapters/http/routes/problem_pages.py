"""`/problems/<name>`: pages that explain problems. The `type` of a problem links to its page."""

from html import escape

from aiohttp import web

from rostra_adapters.http.messages import HTML, response_with_etag
from rostra_adapters.http.middleware.security_headers import CONTENT_SECURITY_POLICY, policy
from rostra_adapters.http.problems import KINDS, Problem

STYLE = "body{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem}"
POLICY = policy(STYLE)
PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>{style}</style>
<h1>{title}</h1>
{text}
</html>
"""


async def problem_page(request: web.Request) -> web.Response:
    """One problem. Raises the problem `not-found` for a name that is none."""
    name = request.match_info["name"]
    kind = KINDS.get(name)
    if kind is None:
        raise Problem("not-found", "there is no problem of this name")
    said = [f"<p>HTTP status {kind.status}, <code>/problems/{escape(name)}</code></p>"]
    if kind.meaning:
        said.append(f"<p>{escape(kind.meaning)}</p>")
    said.append('<p><a href="../problems">All problems</a></p>')
    return _page(request, kind.title, "\n".join(said))


async def problem_list(request: web.Request) -> web.Response:
    """All of them."""
    rows = [
        f'<li><a href="problems/{name}">{name}</a>: {escape(kind.title)} ({kind.status})</li>'
        for name, kind in sorted(KINDS.items())
    ]
    return _page(request, "Problems", "<ul>\n" + "\n".join(rows) + "\n</ul>")


def _page(request: web.Request, title: str, text: str) -> web.Response:
    page = PAGE.format(style=STYLE, title=escape(title), text=text)
    return response_with_etag(
        request, page.encode(), media_type=HTML, headers={CONTENT_SECURITY_POLICY: POLICY}
    )
