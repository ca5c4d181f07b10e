"""The client that waits for each answer; clients.async_client has the one for asyncio.

```python
with Client("http://127.0.0.1:8000", key) as farsight:
    farsight.register("ada", [("1.jpg", one), ("2.jpg", two), ("3.jpg", three)])
    print(farsight.identify([photo]).faces[0].user_id)
```

A busy service answers 503, and 429 to a key that wants too much; both say when to come again.
Requests that may safely be sent twice then are, and after 429 all, as long as all waiting together
stays below `patience_s`.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Self, TypeVar

import httpx

from clients import calls
from clients.answers import (
    Box,
    Erasure,
    Identification,
    JsonObject,
    Metadata,
    Registration,
    User,
    UserDetail,
    Verification,
    Version,
)
from clients.calls import Call, NamedPhoto
from clients.connecting import PAGE, PATIENCE_S, TIMEOUT_S, headers, is_elsewhere
from clients.error import unreachable

T = TypeVar("T")


class Client:
    """Speaks with a service; each method waits for the answer.

    Every method raises ApiError when the service refuses or does not answer.

    Args:
        url: The service's address, such as `http://127.0.0.1:8000`.
        key: An API key with the scopes for what is called.
        timeout_s: For one attempt.
        patience_s: Waiting after answers of 503 and 429, all together.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        timeout_s: float = TIMEOUT_S,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._http = httpx.Client(
            base_url=url, headers=headers(key), timeout=timeout_s, trust_env=is_elsewhere(url)
        )
        self._patience_s = patience_s

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def register(
        self,
        user_id: str,
        photos: Sequence[NamedPhoto],
        *,
        display_name: str | None = None,
        metadata: Metadata | None = None,
        allow_duplicate: bool = False,
        detect: bool = True,
        face: str | None = None,
        boxes: Mapping[int, Box] = calls.NO_BOXES,
    ) -> Registration:
        """Registers a person; `detect=False` where the photos are aligned crops already.

        Where a photo, told by its place, shows several faces: only those in its box count; of
        these the `largest`, or none (`only`), or by default the one whom the other photos show.
        """
        return self._send(
            calls.register(
                user_id,
                photos,
                display_name,
                metadata,
                allow_duplicate=allow_duplicate,
                detect=detect,
                face=face,
                boxes=boxes,
            )
        )

    def add_photos(
        self,
        user_id: str,
        photos: Sequence[NamedPhoto],
        *,
        detect: bool = True,
        face: str | None = None,
        boxes: Mapping[int, Box] = calls.NO_BOXES,
    ) -> Registration:
        """Adds photos to a user; `face` and `boxes` as in `register`."""
        return self._send(calls.add_photos(user_id, photos, detect=detect, face=face, boxes=boxes))

    def users(self) -> Iterator[User]:
        """All users in the order of registration; pages are fetched as they are needed."""
        cursor = None
        while True:
            page = self._send(calls.list_users(cursor, PAGE))
            yield from page.items
            cursor = page.next_cursor
            if cursor is None:
                return

    def get_user(self, user_id: str) -> UserDetail:
        """A user and their photos."""
        return self._send(calls.get_user(user_id))

    def erase_user(self, user_id: str) -> bool:
        """Erases rows, crops, embeddings and templates of a user.

        Returns:
            Whether nothing is left on the disk. Otherwise somebody reads the database, and the
            service tries again until it is done; `erasure` tells.
        """
        return self._send(calls.erase_user(user_id)) is None

    def erasure(self, user_id: str) -> Erasure:
        """Whether something that was erased of a user may still be on the disk."""
        return self._send(calls.erasure(user_id))

    def identify(
        self,
        photos: Sequence[bytes],
        *,
        threshold: float | None = None,
        top_k: int = 0,
        max_faces: int = 10,
        skip_faces: int = 0,
        detect: bool = True,
        same_person: bool = False,
        min_face_px: float | None = None,
    ) -> Identification:
        """Who is in a photo; several are frames of one person, with `same_person=True`.

        Of more than 100 faces the others come with `skip_faces=100`, and so on to `faces_found`.
        `min_face_px` is the smallest face looked for: 16 by default, more in large photos.
        """
        return self._send(
            calls.identify(
                photos,
                threshold,
                top_k=top_k,
                max_faces=max_faces,
                skip_faces=skip_faces,
                detect=detect,
                same_person=same_person,
                min_face_px=min_face_px,
            )
        )

    def verify_user(
        self, photo: bytes, user_id: str, *, threshold: float | None = None
    ) -> Verification:
        """Whether the largest face of a photo is a user's."""
        return self._send(calls.verify_user(photo, user_id, threshold))

    def verify_photos(
        self, photo: bytes, other: bytes, *, threshold: float | None = None
    ) -> Verification:
        """Whether the largest faces of two photos are one person's."""
        return self._send(calls.verify_photos(photo, other, threshold))

    def version(self) -> Version:
        """What is running."""
        return self._send(calls.version())

    def reload(self, bundle: str, *, force: bool = False) -> JsonObject:
        """Starts a job that brings another bundle into service, and returns it."""
        return self._send(calls.reload(bundle, force=force))

    def job(self, job_id: str) -> JsonObject:
        """How far a reload is."""
        return self._send(calls.job(job_id))

    def rollback(self) -> JsonObject:
        """Brings the former bundle back into service."""
        return self._send(calls.rollback())

    def _send(self, call: Call[T]) -> T:
        patience_s = self._patience_s
        while True:
            request = call.request(self._http)
            try:
                answer = self._http.send(request)
            except httpx.TransportError as error:
                raise unreachable(request.url, error) from error
            pause_s = call.pause_s(answer)
            if pause_s is None or pause_s > patience_s:
                return call.read(answer)
            patience_s -= pause_s
            time.sleep(pause_s)
