"""Supervisor of several service processes on one port."""

import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import closing
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from multiprocessing.synchronize import Event
from typing import Any

import click

from rostra_adapters.cli.terminal import say
from rostra_adapters.observability.child_processes import hide_secrets

AGAIN_SECONDS = 1.0
STOP_SECONDS_MAX = 60.0

ServeWork = Callable[[Any, int, Event], None]
"""Serves a plan as worker number N, and sets the event when it answers requests."""


class ServeWorkers:
    """Worker processes that serve until SIGTERM or Ctrl-C."""

    def __init__(self, work: ServeWork, plan: Any, count: int) -> None:
        self._work = work
        self._plan = plan
        self._count = count
        self._context = multiprocessing.get_context("spawn")
        self._running: dict[int, SpawnProcess] = {}
        with hide_secrets():
            resource_tracker.ensure_running()  # else the first event would start it
        self._ready = {number: self._context.Event() for number in range(count)}

    def run(self, announce: Callable[[], None]) -> None:
        """Run the workers until a signal. Call `announce` when all of them answer.

        Raises ClickException if a worker does not start.
        """
        stop, signalled = os.pipe()
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, lambda *_: os.write(signalled, b"."))
        try:
            for number in range(self._count):
                self._start(number)
            self._watch(stop, announce)
        finally:
            self._stop()

    def _start(self, number: int) -> None:
        arguments = (self._plan, number, self._ready[number])
        process = self._context.Process(
            target=self._work, args=arguments, name=f"rostra-worker-{number}"
        )
        process.start()
        self._running[number] = process

    def _watch(self, stop: int, announce: Callable[[], None]) -> None:
        announced = False
        while True:
            sentinels = {process.sentinel: number for number, process in self._running.items()}
            ready = wait([stop, *sentinels], timeout=None if announced else 0.05)
            if stop in ready:
                return
            for sentinel in ready:
                assert isinstance(sentinel, int)
                self._again(sentinels[sentinel], stop)
            if not announced and all(event.is_set() for event in self._ready.values()):
                announced = True
                announce()

    def _again(self, number: int, stop: int) -> None:
        """Restart a worker that died, after a pause that a stop ends early."""
        process = self._running[number]
        process.join()
        if not self._ready[number].is_set():
            raise click.ClickException("a worker does not start")
        say(f"worker {number} died ({process.exitcode}); restarting it", err=True)
        if not wait([stop], timeout=AGAIN_SECONDS):
            try:
                self._start(number)
            except OSError as error:  # for want of memory or processes: tried again
                say(f"worker {number} cannot be started: {error}", err=True)

    def _stop(self) -> None:
        for process in self._running.values():
            process.terminate()
        end = time.monotonic() + STOP_SECONDS_MAX
        for process in self._running.values():
            process.join(max(0.0, end - time.monotonic()))
            if process.is_alive():
                process.kill()


def reserve_port(host: str, port: int) -> "closing[socket.socket]":
    """Return a socket that reserves a port for the workers without listening. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    held = socket.socket(family)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        held.bind((host, port))
    except OSError:
        held.close()
        raise
    return closing(held)
