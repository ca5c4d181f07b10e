"""Detectors' files: fetched when they are missing, from a server that may fail in every way."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from app.errors import ModelFileError
from app.recognition.recognizer import open_recognizer
from app.settings import Settings
from app.vision import detector, detector_choice, model_files, yunet_graph
from app.vision.detector import CenterFaceDetector, YuNetDetector, load_detector
from app.vision.detector_choice import DetectorName
from app.vision.model_files import CENTERFACE, YUNET, ModelFile, fetch

Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Server:
    """Where YuNet is said to lie: CenterFace's bytes, which a package has, stand in for its own.

    Attributes:
        yunet: What is taken for YuNet.
        answer: What it does with a request.
        requests: How many there were.
        closing: Set when the test is over.
    """

    yunet: ModelFile
    answer: Answer
    requests: int
    closing: threading.Event


def sending(content: bytes) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    return answer


def refusing(request: BaseHTTPRequestHandler) -> None:
    request.send_error(404)


@pytest.fixture
def server(detectors: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    published = (detectors / CENTERFACE.name).read_bytes()
    yunet = replace(YUNET, sha256=CENTERFACE.sha256)
    for module in (detector, detector_choice):
        monkeypatch.setattr(module, "YUNET", yunet)
    # What is done to YuNet's graph cannot be done to CenterFace's.
    monkeypatch.setattr(yunet_graph, "of_any_size", Path.read_bytes)
    state = Server(yunet, sending(published), 0, threading.Event())

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            # Another test's client may still ask at a port that was its own.
            state.requests += self.path == "/yunet"
            state.answer(self)

        def log_message(self, *_arguments: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    monkeypatch.setattr(model_files, "_YUNET_URL", f"http://127.0.0.1:{http.server_port}/yunet")
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    yield state
    state.closing.set()
    http.shutdown()
    thread.join()
    http.server_close()


@pytest.fixture
def folder(detectors: Path, tmp_path: Path) -> Path:
    """CenterFace's file alone."""
    (tmp_path / CENTERFACE.name).symlink_to(detectors / CENTERFACE.name)
    return tmp_path


def test_auto_fetches_yunet_when_its_file_is_missing(
    server: Server, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert isinstance(load_detector("auto", folder), YuNetDetector)
    assert {path.name for path in folder.iterdir()} == {CENTERFACE.name, YUNET.name}
    assert isinstance(load_detector("auto", folder), YuNetDetector)
    assert server.requests == 1
    assert caplog.records == []


def test_others_may_read_the_file_when_one_has_fetched_it(server: Server, tmp_path: Path) -> None:
    # An image is built by root and run by somebody else.
    (tmp_path / "as usual").touch()
    mode = (tmp_path / "as usual").stat().st_mode
    assert fetch(server.yunet, tmp_path / "new").stat().st_mode == mode


@pytest.mark.parametrize("way", ["no such file", "other bytes", "silence", "never the end"])
def test_centerface_takes_over_with_one_line_when_yunet_cannot_be_had(
    server: Server,
    folder: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
) -> None:
    def silent(_request: BaseHTTPRequestHandler) -> None:
        server.closing.wait()

    def endless(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        while not server.closing.wait(0.05):
            request.wfile.write(b"a byte in time")

    monkeypatch.setattr(model_files, "_FETCH_ONCE_TIMEOUT_S", 0.5)
    server.answer = {
        "no such file": refusing,
        "other bytes": sending(b"not a network"),
        "silence": silent,
        "never the end": endless,
    }[way]
    assert isinstance(load_detector("auto", folder), CenterFaceDetector)
    assert not (folder / YUNET.name).exists()
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "slower" in record.message
    assert "farsight bundles pull yunet" in record.message


def test_yunet_is_not_asked_for_again_when_it_could_not_be_had(
    server: Server, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    published, server.answer = server.answer, refusing
    load_detector("auto", folder)
    server.answer = published
    assert isinstance(load_detector("auto", folder), CenterFaceDetector)
    assert server.requests == 1
    assert "farsight bundles pull yunet" in caplog.records[1].message

    fetch(server.yunet, folder)  # what `bundles pull` does
    assert isinstance(load_detector("auto", folder), YuNetDetector)
    (folder / YUNET.name).unlink()
    assert isinstance(load_detector("auto", folder), YuNetDetector)
    assert server.requests == 3


def test_start_goes_on_when_the_folder_cannot_remember_a_failure(
    server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(_path: Path) -> None:
        raise PermissionError

    # The mode of a folder would not stop root.
    monkeypatch.setattr(Path, "touch", read_only)
    server.answer = refusing
    assert isinstance(load_detector("auto", folder), CenterFaceDetector)
    assert isinstance(load_detector("auto", folder), CenterFaceDetector)
    assert server.requests == 2


def test_each_gets_yunet_when_two_start_at_once(server: Server, folder: Path) -> None:
    both, published = threading.Barrier(2), server.answer

    def together(request: BaseHTTPRequestHandler) -> None:
        both.wait(timeout=60)
        published(request)

    server.answer = together
    with ThreadPoolExecutor(2) as starts:
        found = list(starts.map(lambda _: load_detector("auto", folder), range(2)))
    assert [type(each) for each in found] == [YuNetDetector] * 2
    assert {path.name for path in folder.iterdir()} == {CENTERFACE.name, YUNET.name}


def test_nothing_is_fetched_when_offline(server: Server, folder: Path, tmp_path: Path) -> None:
    assert isinstance(load_detector("auto", folder, offline=True), CenterFaceDetector)
    for name, file in (("auto", CENTERFACE), ("centerface", CENTERFACE), ("yunet", YUNET)):
        settings = Settings(detectors=tmp_path / "empty", detector=name, offline=True)
        with pytest.raises(ModelFileError, match=f"{file.name} is missing.*pull {file.detector}"):
            open_recognizer(settings)
    assert server.requests == 0


def test_nothing_is_said_when_centerface_is_chosen(
    server: Server, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert isinstance(load_detector("centerface", folder), CenterFaceDetector)
    assert caplog.records == []
    assert server.requests == 0


@pytest.mark.parametrize("name", ["auto", "yunet"])
def test_file_is_refused_when_its_bytes_are_others(
    server: Server, folder: Path, name: DetectorName
) -> None:
    (folder / YUNET.name).write_bytes(b"not a network")
    with pytest.raises(ModelFileError, match="SHA-256"):
        load_detector(name, folder)
    assert server.requests == 0


def test_nothing_is_left_behind_when_a_download_is_damaged(server: Server, tmp_path: Path) -> None:
    server.answer = sending(b"half")
    with pytest.raises(ModelFileError, match="The download"):
        fetch(server.yunet, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_sentence_says_so_when_the_folder_cannot_be_written(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ModelFileError, match="could not be written"):
        fetch(server.yunet, tmp_path / "file" / "detectors")


def test_message_names_the_way_out_when_yunet_cannot_be_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Port 9 of this machine: refused at once, with and without a network.
    monkeypatch.setattr(model_files, "_YUNET_URL", "http://127.0.0.1:9/yunet.onnx")
    with pytest.raises(ModelFileError, match="centerface"):
        fetch(YUNET, tmp_path)
