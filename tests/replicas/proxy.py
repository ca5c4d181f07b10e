"""Debian's nginx in front of several services, with the file that operators are given."""

import os
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from string import Template

import httpx

from tests.program import PATIENCE_S
from tests.reload.caller import wait_until
from tests.whole_run import find_program

_TEMPLATE = Path(__file__).parents[2] / "docker" / "nginx" / "farsight.conf.template"
_MAIN = """
daemon off;
pid {folder}/pid;
error_log {folder}/error.log warn;
worker_processes 1;
{user}
events {{ worker_connections 256; }}
http {{
    access_log off;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/farsight.conf;
}}
"""


@contextmanager
def balanced(urls: Sequence[str], folder: Path) -> Iterator[str]:
    """Starts nginx and ends it.

    Args:
        urls: Of the services.
        folder: For its files.

    Yields:
        Its address.
    """
    nginx = find_program("nginx")
    assert nginx is not None, "apt-get install nginx"
    port = free_port()
    servers = " ".join(f"server {url.removeprefix('http://')} fail_timeout=1s;" for url in urls)
    values = {
        "FARSIGHT_SERVERS": servers,
        "FARSIGHT_LISTEN": f"127.0.0.1:{port}",
        "FARSIGHT_TLS": "",
        "FARSIGHT_BODIES": f"{folder}/bodies",
    }
    # nginx's own variables stay, as with envsubst and a list of names.
    written = Template(_TEMPLATE.read_text(encoding="utf-8")).safe_substitute(values)
    (folder / "farsight.conf").write_text(written, encoding="utf-8")
    user = "user root;" if os.geteuid() == 0 else ""  # the folder is ours alone
    main = folder / "nginx.conf"
    main.write_text(_MAIN.format(folder=folder, user=user), encoding="utf-8")
    with subprocess.Popen([nginx, "-c", main, "-e", folder / "error.log"]) as process:
        url = f"http://127.0.0.1:{port}"
        try:
            wait_until(lambda: _answers(url, process), "nginx answers")
            yield url
        finally:
            process.terminate()
            process.wait(timeout=PATIENCE_S)


def free_port() -> int:
    """One that nobody listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _answers(url: str, process: "subprocess.Popen[bytes]") -> bool:
    assert process.poll() is None, "nginx has ended"
    try:
        return httpx.get(f"{url}/livez").is_success
    except httpx.TransportError:
        return False
