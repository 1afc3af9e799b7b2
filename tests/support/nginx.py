"""A running nginx, for tests of what stands before the service."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from support.requirements import missing
from support.waiting import wait_until

FRAME = """
daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;
events {{ worker_connections 256; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  {content}
}}
"""


@asynccontextmanager
async def running_nginx(folder: Path, content: str, port: int) -> AsyncIterator[str]:
    """Run nginx until the block ends, with a `content` of its block `http` that listens on a port.

    Yields its URL once it listens.
    """
    if shutil.which("nginx") is None:
        missing("nginx", "install nginx")
    written = folder / "nginx.conf"
    written.write_text(FRAME.format(folder=folder, content=content))
    process = await asyncio.create_subprocess_exec(
        *("nginx", "-p", str(folder), "-c", str(written), "-g", "user root;"),
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await wait_until(lambda: asyncio.to_thread(_listens, port))
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0
