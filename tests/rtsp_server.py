"""A small RTSP server (RFC 2326) that plays frames as H.264 over TCP, and can be cut off."""

import contextlib
import socket
import threading
from collections.abc import Sequence

import av

from app.vision.image import Image

_RTP_CLOCK = 90_000
_LARGEST_PIECE = 1200
_FU_A = 28


class RtspServer:
    """Plays its frames to every client, again and again.

    Args:
        pictures: (height, width, 3) uint8 RGB.
        fps: Frames a second.

    Attributes:
        clients: How many have asked to play, ever.
    """

    def __init__(self, pictures: Sequence[Image], fps: int) -> None:
        self._units = [_nal_units(packet) for packet in _encode(pictures, fps)]
        self._fps = fps
        self._sockets: list[socket.socket] = []
        self._stop = threading.Event()
        self._port = 0
        self.clients = 0
        self.resume()

    @property
    def url(self) -> str:
        """With a password, which nobody may see."""
        return f"rtsp://viewer:s3cret@127.0.0.1:{self._port}/door"

    def resume(self) -> None:
        """Listens, again on the same port."""
        self._stop = threading.Event()
        listener = socket.create_server(("127.0.0.1", self._port), reuse_port=True)
        self._port = listener.getsockname()[1]
        self._sockets = [listener]
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def cut_off(self) -> None:
        """Closes everything at once."""
        self._stop.set()
        for each in self._sockets:
            with contextlib.suppress(OSError):  # the other side was faster
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):  # cut off
            while True:
                client, _ = listener.accept()
                self._sockets.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        # Cut off, perhaps in the middle of a line.
        with contextlib.suppress(OSError, ValueError), client, client.makefile("rb") as lines:
            while line := lines.readline():
                if line.startswith(b"$") or not line.strip():
                    continue
                method, *_ = line.decode("latin-1").split()
                headers = {}
                while (header := lines.readline().decode("latin-1").strip()) != "":
                    name, _, value = header.partition(":")
                    headers[name.lower()] = value.strip()
                self._answer(client, method, headers.get("cseq", "0"))
                if method == "PLAY":
                    self.clients += 1
                    self._play(client)
                    return

    def _answer(self, client: socket.socket, method: str, number: str) -> None:
        body = ""
        more = "Session: 1\r\n"
        if method == "OPTIONS":
            more = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
        elif method == "DESCRIBE":
            body = (
                "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=door\r\nt=0 0\r\na=control:*\r\n"
                "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
                "a=fmtp:96 packetization-mode=1\r\na=control:track\r\n"
            )
            more = "Content-Type: application/sdp\r\n"
        elif method == "SETUP":
            more += "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
        head = f"RTSP/1.0 200 OK\r\nCSeq: {number}\r\n{more}Content-Length: {len(body)}\r\n\r\n"
        client.sendall((head + body).encode())

    def _play(self, client: socket.socket) -> None:
        sequence = frame = 0
        while True:
            for units in self._units:
                if self._stop.wait(1 / self._fps):
                    return
                time = frame * _RTP_CLOCK // self._fps
                frame += 1
                for at, unit in enumerate(units):
                    pieces = _payloads(unit)
                    for part, payload in enumerate(pieces):
                        last = at == len(units) - 1 and part == len(pieces) - 1
                        rtp = bytes([0x80, 96 | last << 7]) + sequence.to_bytes(2, "big")
                        rtp += (time % 2**32).to_bytes(4, "big") + b"FARS" + payload
                        client.sendall(b"$\0" + len(rtp).to_bytes(2, "big") + rtp)
                        sequence = (sequence + 1) % 2**16


def _encode(pictures: Sequence[Image], fps: int) -> list[bytes]:
    codec = av.CodecContext.create("libx264", "w")
    assert isinstance(codec, av.VideoCodecContext)
    codec.height, codec.width = pictures[0].shape[:2]
    codec.pix_fmt = "yuv420p"
    codec.framerate = fps  # type: ignore[assignment]  # PyAV takes numbers
    codec.options = {"preset": "ultrafast", "tune": "zerolatency", "g": "5"}
    packets = []
    for picture in pictures:
        packets += codec.encode(av.VideoFrame.from_ndarray(picture, format="rgb24"))
    return [bytes(packet) for packet in [*packets, *codec.encode(None)]]


def _nal_units(packet: bytes) -> list[bytes]:
    """The units of an Annex B stream."""
    parts = packet.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")
    return [part for part in parts if part]


def _payloads(unit: bytes) -> list[bytes]:
    """Of RTP packets: whole, or in fragments (RFC 6184)."""
    if len(unit) <= _LARGEST_PIECE:
        return [unit]
    kind, rest = unit[0], unit[1:]
    starts = range(0, len(rest), _LARGEST_PIECE)
    return [
        bytes(
            [
                kind & 0xE0 | _FU_A,
                kind & 0x1F | (start == 0) << 7 | (start == starts[-1]) << 6,
            ]
        )
        + rest[start : start + _LARGEST_PIECE]
        for start in starts
    ]
