"""Processes of Rostra that are forked from one that has imported all of Rostra.

Imports take most of the processor time of a command. `Process` is used like `subprocess.Popen`;
each has arguments, an environment, a folder and pipes of its own. This module, run as a program,
is the process that the others are forked from.
"""

import atexit
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from types import ModuleType
from typing import IO, Any, Self

import rostra_adapters
from rostra_adapters.cli import main

NUMBER_BYTES = 4
STANDARD = (0, 1, 2)


class Process:
    """A command of Rostra that runs."""

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        stdin: int | IO[Any] | None = None,
        stdout: int | IO[Any] = subprocess.PIPE,
        stderr: int | IO[Any] = subprocess.PIPE,
    ) -> None:
        self.args = arguments
        self.returncode: int | None = None
        self.stdin: IO[bytes] | None = None
        self.stdout: IO[bytes] | None = None
        self.stderr: IO[bytes] | None = None
        theirs = []
        for name, given in (("stdin", stdin), ("stdout", stdout), ("stderr", stderr)):
            if given == subprocess.PIPE:
                reading, writing = os.pipe()
                ours, other = (writing, reading) if name == "stdin" else (reading, writing)
                setattr(self, name, os.fdopen(ours, "wb" if name == "stdin" else "rb"))
                theirs.append(other)
            elif given is None or given == subprocess.DEVNULL:
                theirs.append(os.open(os.devnull, os.O_RDWR))
            else:
                theirs.append(os.dup(given if isinstance(given, int) else given.fileno()))
        self._status, told = os.pipe()
        theirs.append(told)
        job = json.dumps([list(arguments), str(cwd), dict(env)]).encode()
        socket.send_fds(_starter(), [len(job).to_bytes(NUMBER_BYTES, "big")], theirs)
        _starter().sendall(job)
        for descriptor in theirs:
            os.close(descriptor)
        self.pid = self._number()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for file in (self.stdout, self.stderr, self.stdin):
            if file is not None:
                file.close()
        self.wait()

    def poll(self) -> int | None:
        """Return the exit code, None while it runs."""
        if self.returncode is None and select.select([self._status], [], [], 0)[0]:
            self.returncode = self._number()
            os.close(self._status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end, and return the exit code."""
        if self.returncode is None:
            select.select([self._status], [], [], timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return code

    def communicate(
        self, given: bytes | None = None, timeout: float | None = None
    ) -> tuple[bytes, bytes]:
        """Write to it, read what it says until its end, and wait for that."""
        with ThreadPoolExecutor(3) as pool:
            files = [file for file in (self.stdout, self.stderr) if file is not None]
            read = [pool.submit(file.read) for file in files]
            try:
                if self.stdin is not None:
                    with suppress(BrokenPipeError):
                        self.stdin.write(given or b"")
                        self.stdin.close()
                said = [one.result(timeout) for one in read]
                self.wait(timeout)
            except BaseException:
                self.kill()
                raise
        for file in files:
            file.close()
        out = said.pop(0) if self.stdout is not None else b""
        return out, said.pop() if said else b""

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send it SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send it SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def _number(self) -> int:
        came = os.read(self._status, NUMBER_BYTES)
        assert came, "the process that starts others has ended"
        return int.from_bytes(came, "big", signed=True)


def can_fork(environment: Mapping[str, str]) -> bool:
    """Return whether a process with this environment would run this code, on these libraries."""
    paths = environment.get("PYTHONPATH", "").split(os.pathsep)
    others = (path for path in paths if path and path not in sys.path)
    is_other_code = any((Path(path) / "rostra_adapters").is_dir() for path in others)
    return "LD_PRELOAD" not in environment and not is_other_code


@cache
def _starter() -> socket.socket:
    """Start the process that starts others."""
    ours, theirs = socket.socketpair()
    process = subprocess.Popen(
        [sys.executable, __file__, str(theirs.fileno())],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=[theirs.fileno()],
    )
    theirs.close()

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


# -- the process that starts others


def _start_others(jobs: socket.socket) -> list[str] | None:
    """Fork until nobody asks any more. Return twice: in each child, what it is to do."""
    woken, waking = os.pipe()
    os.set_blocking(waking, False)
    signal.set_wakeup_fd(waking)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    running: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([jobs.fileno(), woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            _tell_ends(running)
        if jobs.fileno() not in ready:
            continue
        header, descriptors, _, _ = socket.recv_fds(jobs, NUMBER_BYTES, len(STANDARD) + 1)
        if not header:
            return None
        left, job = int.from_bytes(header, "big"), b""
        while len(job) < left:
            job += jobs.recv(left - len(job))
        *standard, told = descriptors
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            return _become(standard, *json.loads(job))
        for descriptor in standard:
            os.close(descriptor)
        os.write(told, pid.to_bytes(NUMBER_BYTES, "big", signed=True))
        running[pid] = told


def _tell_ends(running: dict[int, int]) -> None:
    for pid in list(running):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            told = running.pop(pid)
            code = os.waitstatus_to_exitcode(status)
            with suppress(BrokenPipeError):
                os.write(told, code.to_bytes(NUMBER_BYTES, "big", signed=True))
            os.close(told)


def _become(
    standard: Sequence[int], arguments: list[str], cwd: str, environment: dict[str, str]
) -> list[str]:
    """Take on the pipes, folder and environment of a command; return its arguments."""
    for descriptor, own in zip(standard, STANDARD, strict=True):
        os.dup2(descriptor, own)
    os.closerange(len(STANDARD), 256)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    paths = environment.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:0] = ["", *(path for path in paths if path not in sys.path)]
    sys.modules["__main__"] = ModuleType("__main__")  # else a child of its own would import this
    return arguments


def _main() -> None:
    for module in walk_packages(rostra_adapters.__path__, "rostra_adapters."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=int(sys.argv[1])) as jobs:
        arguments = _start_others(jobs)
        if arguments is not None:
            jobs.detach()
    if arguments is not None:
        sys.argv = ["rostra", *arguments]
        main()


if __name__ == "__main__":
    _main()
