"""`/`: a short page with links to the parts of the service."""

from aiohttp import web

from rostra_adapters.http.messages import HTML, response_with_etag
from rostra_adapters.http.middleware.security_headers import CONTENT_SECURITY_POLICY, policy
from rostra_adapters.http.settings import HttpSettings

STYLE = """
:root{color-scheme:light dark}
body{font:1.0625rem/1.6 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem}
"""
POLICY = policy(STYLE)
DEMO = """<p><strong><a href="demo">Open the demo</a></strong>: an article with marked passages,
and a discussion that you may join.</p>
"""
PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>Rostra</title>
<style>{style}</style>
<h1>Rostra</h1>
<p>This service keeps discussions: comments, replies, votes and feedback on articles.</p>
{demo}<ul>
<li><a href="docs">The HTTP interface</a>, by topic, with examples</li>
<li><a href="openapi.json">The same for programs</a> (OpenAPI 3.1)</li>
<li><a href="problems">Errors</a> and what to do about them</li>
<li><a href="readyz">State of the service</a></li>
</ul>
</html>
"""


class Home:
    """Handler of the page."""

    def __init__(self, settings: HttpSettings) -> None:
        demo = DEMO if settings.demo else ""
        self._page = PAGE.format(style=STYLE, demo=demo).encode()

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/", self.get)]

    async def get(self, request: web.Request) -> web.Response:
        headers = {CONTENT_SECURITY_POLICY: POLICY}
        return response_with_etag(request, self._page, media_type=HTML, headers=headers)
