"""`python -m app ...` as a process of its own that is not kept waiting by its imports.

They take one to three seconds of every command, the trainer's too. So one process,
multiprocessing's fork server, imports everything once, and each command is a fork of it: with its
own arguments, environment, streams and exit code. That Python starts anew is tested by the
README's tours.
"""

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Literal

import torch

Name = Literal["app", "trainer"]

PATIENCE_S = 120
_ROOT = Path(__file__).parents[1]
# What commands import late too; and pytest, which every fork would import as its main module.
_PRELOADED = [
    *("app.__main__", "app.main", "app.graph", "app.vision.torch_networks"),
    *("aiosqlite", "pytest", "trainer.__main__", __name__),
]


def _fork_server() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    return context


class Program:
    """A running command; what `subprocess.Popen` offers, as far as tests need it.

    Args:
        arguments: What comes after `python -m app`.
        environment: All of its variables.
        stdout: The file to which its output is added.
        stderr: Likewise; may be the same.
        folder: Where it runs.
        name: Which of the two programs.
    """

    def __init__(
        self,
        arguments: list[str],
        environment: Mapping[str, str],
        stdout: Path,
        stderr: Path,
        folder: Path = _ROOT,
        name: Name = "app",
    ) -> None:
        self._process: ForkServerProcess = _fork_server().Process(
            target=_become, args=(name, arguments, dict(environment), stdout, stderr, folder)
        )
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        """The exit code, if it has ended; a signal's number is negative."""
        return self._process.exitcode

    def wait(self, timeout: float) -> int:
        """Waits for the end; the exit code.

        Raises:
            subprocess.TimeoutExpired: It goes on.
        """
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("python -m app", timeout)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Sends a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)


def run_app(
    *arguments: str | Path,
    environment: Mapping[str, str],
    folder: Path = _ROOT,
    timeout: float = PATIENCE_S,
    name: Name = "app",
) -> "subprocess.CompletedProcess[str]":
    """Runs a command to its end; see Program."""
    words = [str(argument) for argument in arguments]
    with tempfile.TemporaryDirectory() as streams:
        out, err = Path(streams) / "out", Path(streams) / "err"
        process = Program(words, environment, out, err, folder, name)
        try:
            code = process.wait(timeout)
        finally:
            process.send_signal(signal.SIGKILL)
        return subprocess.CompletedProcess(
            words, code, out.read_text(encoding="utf-8"), err.read_text(encoding="utf-8")
        )


def _become(
    name: Name,
    arguments: list[str],
    environment: Mapping[str, str],
    stdout: Path,
    stderr: Path,
    folder: Path,
) -> None:
    """What the fork does: it becomes `python -m NAME`."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for number, path in ((1, stdout), (2, stderr)):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(file, number)
        os.close(file)
    # Those there are were opened for other files.
    sys.stdout, sys.stderr = (
        open(number, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - until the end
        for number in (1, 2)
    )
    if threads := environment.get("OMP_NUM_THREADS"):
        torch.set_num_threads(int(threads))  # which was read when torch was imported
    sys.argv = [name, *arguments]
    del sys.modules[f"{name}.__main__"]  # it runs anew, under the name that it has as a program
    runpy.run_module(name, run_name="__main__", alter_sys=True)
