"""Real processes: Ctrl-C in a shell, and torchrun."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import safetensors.torch
import torch

_TIMEOUT_S = 240


def options(people: Path, networks: Path, run: Path) -> list[str]:
    words = [
        *("--out", run),
        *("--train-dir", people / "train"),
        *("--val-dir", people / "val"),
        *("--edgeface", networks),
        *("--device", "cpu"),
        *("--precision", "32-true"),
        *("--batch-size", 4),
    ]
    return list(map(str, words))


def start(command: list[str]) -> subprocess.Popen[str]:
    # One thread: the machine may be busy, and the same number gives the same bits.
    return subprocess.Popen(
        [sys.executable, *command],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(command: list[str], code: int = 0) -> tuple[str, str]:
    process = start(command)
    out, err = process.communicate(timeout=_TIMEOUT_S)
    assert process.returncode == code, err
    return out, err


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + _TIMEOUT_S
    while not (path.is_file() and path.stat().st_size):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_ctrl_c_saves_and_resume_equals_an_uninterrupted_run(
    people: Path, networks: Path, tmp_path: Path
) -> None:
    def command(run: str) -> list[str]:
        tiny = ["--channels", "8", "--blocks", "2", "--epochs", "8", "--workers", "2"]
        return ["-m", "trainer", "dsr", *options(people, networks, tmp_path / run), *tiny]

    stopped = start(command("stopped"))
    # After the first of eight epochs.
    wait_for(tmp_path / "stopped" / "metrics.jsonl", stopped)
    # As a shell sends it: to the processes that read ahead too.
    os.killpg(stopped.pid, signal.SIGINT)
    _, err = stopped.communicate(timeout=_TIMEOUT_S)
    assert stopped.returncode == 130, err
    assert err.count("\n") == 1
    assert "continue with --resume" in err
    assert not (tmp_path / "stopped" / "dsr.safetensors").exists()

    finish([*command("stopped"), "--resume"])
    finish(command("whole"))
    for name in ("dsr.safetensors", "metrics.jsonl"):
        one, other = tmp_path / "stopped" / name, tmp_path / "whole" / name
        assert one.read_bytes() == other.read_bytes()


def test_two_processes_equal_one_on_the_same_global_batch(
    people: Path, networks: Path, tmp_path: Path
) -> None:
    def command(run: str) -> list[str]:
        words = ["finetune", *options(people, networks, tmp_path / run), "--dsr", str(networks)]
        return [*words, "--stage1-epochs", "1", "--stage2-epochs", "2"]

    finish(["-m", "trainer", *command("one")])
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    out, _ = finish([*torchrun, "-m", "trainer", *command("two")])
    # Only one of them talks.
    assert out.count("STAGE 1") == out.count("STAGE 2") == 1
    assert out.count("Epoch") == 3

    one, two = (
        [json.loads(line) for line in (tmp_path / run / "metrics.jsonl").read_text().splitlines()]
        for run in ("one", "two")
    )
    assert len(one) == len(two) == 3
    for alone, shared in zip(one, two, strict=True):
        assert alone == {
            name: value if isinstance(value, str) else pytest.approx(value, rel=1e-3, abs=1e-4)
            for name, value in shared.items()
        }
    for name in ("dsr.safetensors", "edgeface.safetensors"):
        alone = safetensors.torch.load_file(tmp_path / "one" / name)
        shared = safetensors.torch.load_file(tmp_path / "two" / name)
        for tensor in alone:
            torch.testing.assert_close(shared[tensor], alone[tensor], rtol=1e-2, atol=1e-4)


def test_ctrl_c_stops_all_processes(people: Path, networks: Path, tmp_path: Path) -> None:
    words = [*options(people, networks, tmp_path / "run"), "--channels", "8", "--epochs", "500"]
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    process = start([*torchrun, "-m", "trainer", "dsr", *words])
    wait_for(tmp_path / "run" / "metrics.jsonl", process)
    # torchrun hands it on to its processes, one after the other.
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=_TIMEOUT_S)
    assert process.returncode != 0
    assert "continue with --resume" in err
    assert (tmp_path / "run" / "checkpoint.pt").is_file()
