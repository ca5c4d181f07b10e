"""The client that waits for each answer; farsight_client.async_client has the one for asyncio."""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from types import TracebackType
from typing import Self, TypeVar

import httpx

from farsight_client import calls, face_calls, operator_calls, review_calls
from farsight_client.answers import User
from farsight_client.call import Call
from farsight_client.cameras import BlockingCameraSocket, Corners, asked, open_blocking_socket
from farsight_client.connecting import PATIENCE_S, TIMEOUT_S, address, headers, is_elsewhere
from farsight_client.error import refused, speaking
from farsight_client.methods import method
from farsight_client.operator_answers import Bundle, Job, Key
from farsight_client.uploads import Target, writing
from farsight_client.watching import PAUSE_S, Watch

T = TypeVar("T")


class Client:
    """Talks to a service; each method waits for the answer.

    Every method raises ApiError if the service refuses or does not answer, and OSError if a
    photo cannot be read.

    A busy service answers 503, and 429 to a key over its limit; both say when to retry. The client
    retries requests that may safely be sent twice, and after 429 all requests, as long as its total
    waiting time stays below `patience_s`.

    Args:
        url: The service's address, such as `http://127.0.0.1:8000`.
        key: An API key with the scopes for what is called; `live`, `ready` and `version` need none.
        timeout_s: For one attempt.
        patience_s: Total waiting time after 503 and 429.
        transport: httpx's, instead of the network: a service in this process, or a test's answers.

    Raises:
        ValueError: The address or the key is malformed.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        timeout_s: float = TIMEOUT_S,
        patience_s: float = PATIENCE_S,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._http = httpx.Client(
            base_url=address(url),
            headers=headers(key),
            timeout=timeout_s,
            trust_env=is_elsewhere(url),
            transport=transport,
        )
        self._patience_s = patience_s

    register = method(calls.register)
    put_user = method(calls.put_user)
    add_photos = method(calls.add_photos)
    delete_photo = method(calls.delete_photo)
    move_photo = method(calls.move_photo)
    user_page = method(calls.user_page)
    get_user = method(calls.get_user)
    crop = method(calls.crop)
    thumbnail = method(calls.thumbnail)
    thumbnails = method(calls.thumbnails)
    change_user = method(calls.change_user)
    likeness = method(calls.likeness)
    merge_users = method(calls.merge_users)
    review_photos = method(calls.review_photos)
    erase_user = method(calls.erase_user)
    erasure = method(calls.erasure)
    kept_face_page = method(review_calls.kept_face_page)
    clusters = method(review_calls.clusters)
    kept_crop = method(review_calls.kept_crop)
    assign_faces = method(review_calls.assign_faces)
    dismiss_faces = method(review_calls.dismiss_faces)
    identify = method(face_calls.identify)
    identify_clip = method(face_calls.identify_clip)
    find_faces = method(face_calls.find_faces)
    show_faces = method(face_calls.show_faces)
    embed_faces = method(face_calls.embed_faces)
    verify_user = method(face_calls.verify_user)
    verify_stored_photo = method(face_calls.verify_stored_photo)
    verify_photos = method(face_calls.verify_photos)
    import_gallery = method(operator_calls.import_gallery)
    reload = method(operator_calls.reload)
    rollback = method(operator_calls.rollback)
    job = method(operator_calls.job)
    thresholds = method(operator_calls.thresholds)
    create_key = method(operator_calls.create_key)
    revoke_key = method(operator_calls.revoke_key)
    event_page = method(operator_calls.event_page)
    health = method(operator_calls.health)
    live = method(operator_calls.live)
    ready = method(operator_calls.ready)
    version = method(operator_calls.version)

    @contextmanager
    def watch(
        self,
        *,
        threshold: float | None = None,
        min_face_px: float | None = None,
        groups: Sequence[str] = (),
        zones: Sequence[Corners] = (),
        gone_after_s: float = 3.0,
    ) -> Iterator[BlockingCameraSocket]:
        """A socket for the frames of one camera; it tells who passes, once for each visit.

        Args:
            threshold: Instead of the bundle's.
            min_face_px: The smallest face to look for.
            groups: Only users in one of these.
            zones: Polygons in shares of width and height: faces outside all are passed over.
            gone_after_s: A face not seen for so long has left.
        """
        options = asked(threshold, min_face_px, groups, zones, gone_after_s)
        key = self._http.headers.get("Authorization")
        sent = {} if key is None else {"Authorization": key}
        with open_blocking_socket(self._http.base_url, sent, options) as socket:
            yield socket

    def users(
        self, *, search: str | None = None, order: str = "oldest", groups: Sequence[str] = ()
    ) -> Iterator[User]:
        """All users, or those that match a search; pages are fetched as needed.

        Arguments as in `user_page`.
        """
        page = self.user_page(search=search, order=order, groups=groups)
        yield from page.items
        while page.next_cursor is not None:
            page = self.user_page(
                cursor=page.next_cursor, search=search, order=order, groups=groups
            )
            yield from page.items

    def bundles(self) -> list[Bundle]:
        """The bundles of the service's store, by name; the files of each are checked."""
        return self.send(operator_calls.bundle_list()).items

    def jobs(self, *, limit: int = 50) -> list[Job]:
        """The latest reloads, newest first; at most `limit`, up to 200."""
        return self.send(operator_calls.job_list(limit=limit)).items

    def keys(self) -> list[Key]:
        """All keys, revoked ones included, without their secrets; oldest first."""
        return self.send(operator_calls.key_list()).items

    def job_events(self, job_id: str) -> Iterator[Job]:
        """The state of a reload: now, and after each change until it has ended.

        A restarted service continues its job, and may be away for `patience_s`.
        """
        watch = Watch(job_id, self._patience_s)
        while True:
            with watch.bearing(), self._answer(watch.call) as answer:
                for chunk in answer.iter_bytes():
                    yield from watch.news(answer, chunk)
            if watch.ended:
                return
            time.sleep(PAUSE_S)

    def export_gallery(self, target: Target, *, crops: bool = False) -> None:
        """Writes everybody to a gallery file, piece by piece as it arrives.

        Args:
            target: A path, where the file appears once it is complete; or a file open for writing.
            crops: Include crops, so that it can be moved to another space.
        """
        with (
            writing(target) as file,
            self._answer(operator_calls.export_gallery(crops=crops)) as answer,
        ):
            for chunk in answer.iter_bytes():
                file.write(chunk)

    def send(self, call: Call[T]) -> T:
        """Sends a call and returns the answer; the other methods use this."""
        with self._answer(call) as answer:
            return call.decode(answer, answer.read())

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def _answer(self, call: Call[object]) -> Iterator[httpx.Response]:
        """The service's answer, with its body still unread."""
        with speaking(), closing(self._begin(call)) as answer:
            call.check(answer)
            yield answer

    def _begin(self, call: Call[object]) -> httpx.Response:
        patience_s = self._patience_s
        while True:
            answer = self._http.send(call.request(self._http), stream=True)
            if not answer.is_error:
                return answer
            answer.read()
            pause_s = call.pause_s(answer)
            if pause_s is None or pause_s > patience_s:
                raise refused(answer)
            patience_s -= pause_s
            time.sleep(pause_s)
