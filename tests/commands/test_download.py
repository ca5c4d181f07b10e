"""Downloads from a server that breaks off."""

import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from app.commands.download import download
from app.errors import ModelFileError
from tests.rights import without_the_right_to_write

CONTENT = bytes(range(256)) * 1000


@dataclass
class Server:
    """Sends CONTENT; breaks off after `breaks_after` bytes; knows ranges or not."""

    url: str = ""
    breaks_after: int | None = None
    knows_ranges: bool = True
    ranges: list[str | None] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            state.ranges.append(wanted)
            if self.path != "/file":
                self.send_error(404)
                return
            start = 0
            if wanted and state.knows_ranges:
                start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start > len(CONTENT):
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(CONTENT) - start))
            self.end_headers()
            self.wfile.write(CONTENT[start : state.breaks_after])

        def log_message(self, *_arguments: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    yield state
    http.shutdown()
    thread.join()
    http.server_close()


def test_file_is_whole_when_the_server_sends_it(server: Server, tmp_path: Path) -> None:
    path = download(f"{server.url}/file", tmp_path / "new" / "file")
    assert path.read_bytes() == CONTENT
    assert download(f"{server.url}/file", path) == path
    assert server.ranges == [None]


@pytest.mark.parametrize("knows_ranges", [True, False])
def test_download_goes_on_when_it_was_broken_off(
    server: Server, tmp_path: Path, knows_ranges: bool
) -> None:
    server.breaks_after, server.knows_ranges = 1000, knows_ranges
    target = tmp_path / "file"
    with pytest.raises(ModelFileError, match="could not be read"):
        download(f"{server.url}/file", target)
    assert not target.exists()
    server.breaks_after = None
    assert download(f"{server.url}/file", target).read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=1000-"]
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_nothing_is_left_when_the_server_does_not_have_the_file(
    server: Server, tmp_path: Path
) -> None:
    with pytest.raises(ModelFileError, match="answered 404"):
        download(f"{server.url}/other", tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


def test_sentence_tells_what_is_wrong_when_the_folder_cannot_be_written(server: Server) -> None:
    with tempfile.TemporaryDirectory() as name, without_the_right_to_write(Path(name)):
        for target in (Path(name) / "file", Path(name) / "new" / "file"):
            with pytest.raises(ModelFileError, match="not be written: Permission denied") as caught:
                download(f"{server.url}/file", target)
            assert caught.value.paths == (target.parent,)


def test_next_call_begins_anew_when_what_was_there_is_no_part(
    server: Server, tmp_path: Path
) -> None:
    (tmp_path / "file.part").write_bytes(CONTENT + b"too long")
    with pytest.raises(ModelFileError, match="answered 416"):
        download(f"{server.url}/file", tmp_path / "file")
    assert download(f"{server.url}/file", tmp_path / "file").read_bytes() == CONTENT
