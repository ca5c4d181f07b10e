"""What the Dockerfile's images are, without a container engine: the same root, user and rights.

bubblewrap builds the root: code and system read-only, folders of volumes at their places, no
capabilities, no home. What it cannot show is whether the image can be built.
"""

import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
_USER = "10001"
_STAGE = re.compile(r"^FROM (\S+) AS (\S+)\n(.*?)(?=^FROM |\Z)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Stage:
    """A stage of the Dockerfile, with what it has from those before.

    Attributes:
        environment: Its variables.
        folder: Where its command runs.
        user: As in the file.
        command: Of `CMD`.
        health: The command of `HEALTHCHECK`.
    """

    environment: dict[str, str]
    folder: str
    user: str
    command: list[str]
    health: list[str]


def stage(name: str) -> Stage:
    """Reads a stage of the Dockerfile."""
    text = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
    stages = {each: (parent, body) for parent, each, body in _STAGE.findall(text)}
    body = ""
    while name in stages:
        name, own = stages[name]
        body = own + body
    environment: dict[str, str] = {}
    for line in re.findall(r"^ENV (.*)$", body, re.MULTILINE):
        for word in shlex.split(line):
            variable, _, value = word.partition("=")
            environment[variable] = value.replace("$PATH", "/usr/bin:/bin")

    def last(pattern: str) -> str:
        found: list[str] = re.findall(pattern, body, re.MULTILINE)
        return found[-1] if found else ""

    def words(given: str) -> list[str]:
        return re.findall(r'"([^"]*)"', given)

    health = last(r"^HEALTHCHECK .*CMD (\[.*\])$")
    return Stage(
        environment,
        last(r"^WORKDIR (\S+)$"),
        last(r"^USER (\S+)$"),
        words(last(r"^CMD (\[.*\])$")),
        words(health),
    )


class Container:
    """A root like an image's; each command is a container of its own with the same volumes.

    Args:
        of: The image.
        detectors: Is /opt/farsight/detectors.
        volumes: Folder here by its place there; nothing else there can be written but /tmp.
    """

    def __init__(self, of: Stage, detectors: Path, volumes: dict[str, Path]) -> None:
        # A machine without it has to say so, not to skip the tests.
        bwrap = shutil.which("bwrap")
        assert bwrap is not None, "apt-get install bubblewrap"
        words = [bwrap, "--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL"]
        words += ["--unshare-user", "--uid", _USER, "--gid", _USER, "--unshare-ipc"]
        words += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
        code = [Path("/etc"), Path("/usr"), ROOT, Path(sys.prefix), Path(sys.base_prefix)]
        for path in code:
            words += ["--ro-bind", str(path), str(path)]
        for path in (Path("/bin"), Path("/lib"), Path("/lib64")):
            if path.is_symlink():
                words += ["--symlink", str(path.readlink()), str(path)]
            elif path.is_dir():
                words += ["--ro-bind", str(path), str(path)]
        for part in ("bin", "lib", "pyvenv.cfg"):
            words += ["--symlink", str(Path(sys.prefix) / part), f"/opt/farsight/{part}"]
        words += ["--ro-bind", str(detectors), "/opt/farsight/detectors"]
        for place, folder in volumes.items():
            words += ["--bind", str(folder), place]
        words += ["--remount-ro", "/", "--chdir", of.folder]
        for name, value in of.environment.items():
            words += ["--setenv", name, value]
        self._words = words

    def start(self, *command: str, log: Path) -> "subprocess.Popen[bytes]":
        """Starts a command; what it says is in the log."""
        with log.open("wb") as file:
            return subprocess.Popen([*self._words, *command], stdout=file, stderr=file)

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """Runs a command to its end."""
        return subprocess.run(
            [*self._words, *command], capture_output=True, text=True, check=False, timeout=120
        )
