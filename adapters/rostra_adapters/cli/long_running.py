"""Parts that the commands share which run until they are stopped."""

import asyncio
import logging
import os
import signal
from multiprocessing import parent_process


def log_as_json() -> None:
    """Write the log as lines of JSON to standard error."""
    from rostra_adapters.http.middleware.request_log import JsonLines

    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def stop_on_signals() -> None:
    """Cancel the current task on SIGTERM and on Ctrl-C, unless a server handles them later."""
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    if (watching := parent_process()) is not None:  # a worker stops when its parent dies
        loop.add_reader(watching.sentinel, _terminate, watching.sentinel)


def _terminate(sentinel: int) -> None:
    asyncio.get_running_loop().remove_reader(sentinel)
    os.kill(os.getpid(), signal.SIGTERM)
