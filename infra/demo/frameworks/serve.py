"""Serve pages with a framework around the web component, under a strict policy and a sub-path.

    npm ci --prefix infra/demo/frameworks && python infra/demo/frameworks/serve.py

Rostra itself, with the demo's conversation, is in memory and reached at /comments, as behind a
proxy. The frameworks come from npm, in the versions of package-lock.json.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from secrets import token_hex

from aiohttp import ClientSession, ClientTimeout, web

import rostra_adapters
from rostra_adapters.http import HttpSettings, make_app
from rostra_adapters.http.auth.tokens import sign
from rostra_adapters.http.routes import demo

FOLDER = Path(__file__).parent
PACKAGES = FOLDER / "node_modules"
PREFIX = "/comments"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; "
    "require-trusted-types-for 'script'; trusted-types rostra vue"
)
REACT = {
    "react": "react/cjs/react.production.js",
    "scheduler": "scheduler/cjs/scheduler.production.js",
    "react-dom": "react-dom/cjs/react-dom.production.js",
    "react-dom/client": "react-dom/cjs/react-dom-client.production.js",
}
NOT_PASSED_ON = {"connection", "keep-alive", "transfer-encoding", "content-encoding", "host"}
PORT = 8090
SHUTDOWN_SECONDS = 0.1


def vue() -> bytes:
    """Return Vue as a module."""
    return (PACKAGES / "vue/dist/vue.runtime.esm-browser.prod.js").read_bytes()


def react() -> bytes:
    """Return React as a module: it is published for `require` alone."""
    parts = ["const modules = {};\nconst require = (name) => modules[name].exports;\n"]
    for name, path in REACT.items():
        code = (PACKAGES / path).read_text("utf-8")
        parts.append(
            f'modules["{name}"] = {{ exports: {{}} }};\n'
            f"(function (module, exports) {{\n{code}\n}})"
            f'(modules["{name}"], modules["{name}"].exports);\n'
        )
    parts.append(
        'export const { createElement, useEffect, useRef, useState } = require("react");\n'
        'export const { createRoot } = require("react-dom/client");\n'
    )
    return "".join(parts).encode()


VENDORS = {"vue.js": vue, "react.js": react}


class Pages:
    """The handlers."""

    def __init__(self, rostra: str, session: ClientSession) -> None:
        self._rostra = rostra
        self._session = session

    def application(self) -> web.Application:
        application = web.Application()
        application.add_routes(
            [
                web.get("/pages/{name}", self.page),
                web.get("/vendor/{name}", self.vendor),
                web.route("*", PREFIX + "/{path:.*}", self.passed_on),
            ]
        )
        return application

    async def page(self, request: web.Request) -> web.StreamResponse:
        """A page, its script or its style sheet."""
        path = FOLDER / "pages" / request.match_info["name"]
        if path.parent != FOLDER / "pages" or not path.is_file():
            raise web.HTTPNotFound
        return web.FileResponse(path, headers={"Content-Security-Policy": POLICY})

    async def vendor(self, request: web.Request) -> web.Response:
        """A framework."""
        make = VENDORS.get(request.match_info["name"])
        if make is None:
            raise web.HTTPNotFound
        return web.Response(body=make(), content_type="text/javascript")

    async def passed_on(self, request: web.Request) -> web.StreamResponse:
        """Answer as Rostra does, piece by piece, since live updates have no end."""
        headers = {
            name: value
            for name, value in request.headers.items()
            if name.lower() not in NOT_PASSED_ON
        }
        async with self._session.request(
            request.method,
            self._rostra + request.raw_path.removeprefix(PREFIX),
            headers={**headers, "X-Forwarded-Prefix": PREFIX},
            data=await request.read() or None,
            allow_redirects=False,
        ) as answer:
            response = web.StreamResponse(status=answer.status)
            for name, value in answer.headers.items():
                if name.lower() not in {*NOT_PASSED_ON, "content-length"}:
                    response.headers.add(name, value)
            await response.prepare(request)
            async for piece in answer.content.iter_any():
                await response.write(piece)
            return response


@asynccontextmanager
async def serving(rostra: str, port: int = 0) -> AsyncIterator[str]:
    """Serve the pages over a running Rostra until the block ends. Yields their URL."""
    async with ClientSession(timeout=ClientTimeout(total=None)) as session:
        runner = web.AppRunner(
            Pages(rostra, session).application(),
            handler_cancellation=True,  # a reader who leaves ends their stream
            shutdown_timeout=SHUTDOWN_SECONDS,
        )
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", port)
            await site.start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


async def main() -> None:
    """Serve until interrupted."""
    secret = token_hex(32)
    async with rostra_adapters.open("memory:", master_key=os.urandom(32)) as app:
        await demo.publish(app)
        runner = web.AppRunner(make_app(app, HttpSettings(secret=secret)))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with serving(f"http://127.0.0.1:{runner.addresses[0][1]}", PORT) as url:
            token = sign(secret, scope="comment", site=demo.SITE, person="ada", name="Ada", days=1)
            for name in ("plain", "vue", "react"):
                print(f"{url}/pages/{name}.html?token={token}", flush=True)
            await asyncio.Event().wait()


if __name__ == "__main__":
    if not PACKAGES.is_dir():
        sys.exit(f"there are no packages; run npm ci --prefix {FOLDER}")
    with suppress(KeyboardInterrupt):
        asyncio.run(main())
