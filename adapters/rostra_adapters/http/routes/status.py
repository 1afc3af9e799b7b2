"""`/status`: the log and its views for operators, as JSON or as a page.

Errors of parked discussions may quote what people wrote or are called. So the public port asks for
a token with the scope `admin`; the port of the metrics does not.
"""

from html import escape

import msgspec
from aiohttp import hdrs, web

from rostra_adapters.application.app import App, Status
from rostra_adapters.application.ports import ProjectorStatus, ViewStatus
from rostra_adapters.http.auth import tokens
from rostra_adapters.http.messages import HTML, JSON
from rostra_adapters.http.middleware.security_headers import CONTENT_SECURITY_POLICY, policy

STYLE = """
:root{color-scheme:light dark}
body{font:1rem/1.5 system-ui,sans-serif;margin:2rem auto;padding:0 1rem;max-width:72rem}
table{border-collapse:collapse}
td,th{padding:.25rem .75rem;text-align:left;border-bottom:1px solid;vertical-align:top}
td.number{text-align:right;font-variant-numeric:tabular-nums}
"""
POLICY = policy(STYLE)
PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Rostra: status</title>
<style>{style}</style>
<h1>Status</h1>
<p>Log {log}, head {head}, in {database}.</p>
<table>
<tr><th>View</th><th>Version</th><th>Position</th><th>Lag, events</th><th>Lag, s</th>
<th>Events/s</th><th>Projected by</th><th>Last rebuild</th></tr>
{views}
</table>
<h2>Parked discussions</h2>
{parked}
</html>
"""
NO_VIEWS = "<tr><td>no view of this version is made</td></tr>"
NOT_KEPT = {"Cache-Control": "no-store", "Vary": "Accept"}


class StatusPage:
    """Handlers of the status, for the public port and for the operators' own."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def get(self, request: web.Request) -> web.Response:
        """Answer a token with the scope `admin`."""
        tokens.require_token(request, "admin")
        return await self.get_inside(request)

    async def get_inside(self, request: web.Request) -> web.Response:
        """Answer everybody who reaches the port."""
        status = await self._app.status()
        if "text/html" not in request.headers.get(hdrs.ACCEPT, ""):
            body = msgspec.json.encode(status)
            return web.Response(body=body, headers={**NOT_KEPT, "Content-Type": JSON})
        headers = {**NOT_KEPT, "Content-Type": HTML, CONTENT_SECURITY_POLICY: POLICY}
        return web.Response(body=_page(status).encode(), headers=headers)


def _page(status: Status) -> str:
    parked = "".join(_parked(view) for view in status.views)
    return PAGE.format(
        style=STYLE,
        log=status.log_id,
        head=status.head,
        database=escape(status.database_url),
        views="\n".join(map(_row, status.views)) or NO_VIEWS,
        parked=f"<ul>{parked}</ul>" if parked else "<p>None.</p>",
    )


def _row(view: ViewStatus) -> str:
    rate = view.projector.events_per_second if view.projector is not None else 0.0
    own = " (your own)" if view.is_own else ""
    numbers = (view.version, view.position, view.lag, f"{view.lag_seconds:.1f}", f"{rate:.1f}")
    return (
        f"<tr><td>{escape(view.name)}{own}</td>"
        + "".join(f'<td class="number">{number}</td>' for number in numbers)
        + f"<td>{_projector(view.projector)}</td><td>{_rebuild(view)}</td></tr>"
    )


def _projector(projector: ProjectorStatus | None) -> str:
    if projector is None:
        return "nobody yet"
    lost = ", lost" if projector.is_lost else ""
    name = escape(f"{projector.host}:{projector.pid}")
    return f"{name} since {projector.since:%Y-%m-%d %H:%M:%S}Z{lost}"


def _rebuild(view: ViewStatus) -> str:
    if (rebuild := view.last_rebuild) is None:
        return "none"
    return (
        f"{rebuild.ended_at:%Y-%m-%d %H:%M:%S}Z, {rebuild.seconds:.2f} s, "
        f"{rebuild.events} events, {escape(rebuild.result)}"
    )


def _parked(view: ViewStatus) -> str:
    return "".join(
        f"<li>{escape(view.name)}: discussion {it.discussion}, position {it.position}: "
        f"{escape(it.error)}</li>"
        for it in view.parked
    )
