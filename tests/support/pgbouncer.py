"""PgBouncer in front of a server of the tests."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rostra_adapters.local_postgres.lease import Lease
from rostra_adapters.local_postgres.programs import own
from support.requirements import missing
from support.waiting import block_until

PROGRAM = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
PORT = 6432
CONFIGURATION = """
[databases]
* = host={server} user=rostra
[pgbouncer]
listen_port = {port}
unix_socket_dir = {folder}
auth_type = any
max_client_conn = 500
{settings}
ignore_startup_parameters =
logfile = {folder}/log
"""


@contextmanager
def pgbouncer(lease: Lease, settings: str) -> Iterator[str]:
    """Run PgBouncer with some settings, else as it comes; yield the URL of its `rostra`."""
    if not Path(PROGRAM).exists():
        missing("pgbouncer", "install pgbouncer")
    folder = Path(tempfile.mkdtemp(prefix="rostra-pgbouncer-"))
    configuration = folder / "pgbouncer.ini"
    configuration.write_text(
        CONFIGURATION.format(
            server=lease.cluster.sockets,
            folder=folder,
            settings=settings,
            port=PORT,
        )
    )
    account = lease.cluster.programs.account
    own(folder, account)
    own(configuration, account)
    # An empty environment: it would take a password from there.
    process = subprocess.Popen(
        [PROGRAM, "-q", str(configuration)],
        env={},
        stderr=subprocess.DEVNULL,
        user=account.uid if account else None,
        group=account.gid if account else None,
    )
    try:
        block_until(lambda: (folder / f".s.PGSQL.{PORT}").exists() or process.poll() is not None)
        assert process.poll() is None
        yield f"postgresql://rostra@/rostra?host={folder}&port={PORT}"
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder)
