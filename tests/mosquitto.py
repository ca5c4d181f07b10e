"""Mosquitto, a real MQTT broker, that tests end and start again."""

import os
import socket
import subprocess
from pathlib import Path
from types import TracebackType

from tests.program import PATIENCE_S
from tests.reload.caller import wait_until
from tests.replicas.proxy import free_port
from tests.whole_run import find_program


class Mosquitto:
    """A broker that remembers nothing once it has ended. Use it as a context manager.

    Args:
        folder: For its files.
        users: Passwords by name; nobody else is let in. Empty: everybody is.

    Attributes:
        port: On 127.0.0.1; the same after each start.
    """

    def __init__(self, folder: Path, users: dict[str, str] | None = None) -> None:
        self.port = free_port()
        self._config = folder / "mosquitto.conf"
        lines = [
            f"listener {self.port} 127.0.0.1",
            f"allow_anonymous {'false' if users else 'true'}",
        ]
        if os.geteuid() == 0:
            lines.append("user root")  # the folder is ours alone
        if users:
            passwords = folder / "passwords"
            passwords.touch(mode=0o600)
            for name, password in users.items():
                subprocess.run(["mosquitto_passwd", "-b", passwords, name, password], check=True)
            lines.append(f"password_file {passwords}")
        self._config.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it and waits until it listens."""
        program = find_program("mosquitto")
        assert program is not None, "apt-get install mosquitto"
        self._process = process = subprocess.Popen([program, "-c", self._config])
        wait_until(lambda: _listens(self.port, process), "mosquitto listens")

    def end(self) -> None:
        """Ends it, and with it every connection."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(timeout=PATIENCE_S)

    def __enter__(self) -> "Mosquitto":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.end()


def _listens(port: int, process: "subprocess.Popen[bytes]") -> bool:
    assert process.poll() is None, "mosquitto has ended"
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
