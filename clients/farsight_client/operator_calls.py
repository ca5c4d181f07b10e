"""Operations for those who run a service, each a function that makes its call."""

import json
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import quote

from farsight_client.answers import JsonObject
from farsight_client.call import Call
from farsight_client.operator_answers import (
    BundleList,
    CreatedKey,
    EventPage,
    GalleryImport,
    Job,
    JobList,
    KeyList,
    Serving,
    Status,
    ThresholdList,
    Version,
)
from farsight_client.uploads import Content, content_of

_PAGE = 200


def export_gallery(*, crops: bool = False) -> Call[bytes]:
    """Everybody in one file, streamed."""
    return Call(
        "GET",
        "/v1/gallery/export",
        bytes,
        repeatable=True,
        params={"crops": json.dumps(crops)},
        media_type="application/octet-stream",
    )


def import_gallery(file: Content, *, on_conflict: str = "refuse") -> Call[GalleryImport]:
    """Imports everybody in a gallery file, or nobody.

    Args:
        file: A file from `export_gallery`.
        on_conflict: What to do with users who already exist: `refuse`, `skip` or `replace`.
    """
    return Call(
        "POST",
        "/v1/gallery/import",
        GalleryImport,
        data={"on_conflict": on_conflict},
        files=[("file", ("gallery", content_of(file)))],
    )


def bundle_list() -> Call[BundleList]:
    """The bundles of the service's store; the files of each are checked."""
    return Call("GET", "/v1/admin/bundles", BundleList, repeatable=True)


def thresholds() -> Call[ThresholdList]:
    """The thresholds in use, and how often a stranger is taken for somebody."""
    return Call("GET", "/v1/admin/thresholds", ThresholdList, repeatable=True)


def reload(bundle: str, *, force: bool = False) -> Call[Job]:
    """Starts a reload of another bundle; `job_events` reports its progress.

    It is sent only once: repeated, a reload would already be running.

    Args:
        bundle: Its name in the store.
        force: Ignore the gate's verdict; the audit log records who did.
    """
    return Call("POST", "/v1/admin/reload", Job, body={"bundle": bundle, "force": force})


def rollback() -> Call[Serving]:
    """Goes back to the previous bundle at once.

    It is sent only once: repeated, it would go forward again.
    """
    return Call("POST", "/v1/admin/rollback", Serving)


def job(job_id: str) -> Call[Job]:
    """The state of a reload."""
    return Call("GET", _job(job_id), Job, repeatable=True)


def job_events(job_id: str) -> Call[Job]:
    """The same as server-sent events."""
    return Call(
        "GET",
        f"{_job(job_id)}/events",
        Job,
        repeatable=True,
        media_type="text/event-stream",
    )


def job_list(*, limit: int = 50) -> Call[JobList]:
    """The latest reloads, newest first; at most `limit`, up to 200."""
    return Call("GET", "/v1/admin/jobs", JobList, repeatable=True, params={"limit": str(limit)})


def key_list() -> Call[KeyList]:
    """All keys, revoked ones included, without their secrets; oldest first."""
    return Call("GET", "/v1/admin/keys", KeyList, repeatable=True)


def create_key(
    scopes: Sequence[str],
    *,
    label: str = "",
    expires_at: datetime | None = None,
    groups: Sequence[str] = (),
) -> Call[CreatedKey]:
    """Creates a key; it cannot be shown again.

    Args:
        scopes: Of `enroll`, `identify`, `embed` and `admin`.
        label: Who or what it is for.
        expires_at: When it expires, with a time zone; None for never.
        groups: It reaches only users who are in one of these; by default all users.
    """
    body: JsonObject = {"scopes": list(scopes), "label": label, "groups": list(groups)}
    if expires_at is not None:
        body["expires_at"] = expires_at.isoformat()
    return Call("POST", "/v1/admin/keys", CreatedKey, body=body)


def revoke_key(key_id: str, *, even_last: bool = False) -> Call[None]:
    """Revokes a key, from the next request on.

    Args:
        key_id: Its public half.
        even_last: Even if no other key has the scope admin.
    """
    path = f"/v1/admin/keys/{quote(key_id, safe='')}"
    params = {"even_last": json.dumps(even_last)}
    return Call("DELETE", path, type(None), repeatable=True, params=params)


def event_page(*, cursor: str | None = None, limit: int = _PAGE) -> Call[EventPage]:
    """One page of the audit log, newest first.

    Args:
        cursor: `next_cursor` of the previous page.
        limit: Maximum number of events, up to 200.
    """
    params = {"limit": str(limit)}
    if cursor is not None:
        params["cursor"] = cursor
    return Call("GET", "/v1/admin/events", EventPage, repeatable=True, params=params)


def health() -> Call[Status]:
    """The same as `ready`, under the name that many monitors expect."""
    return Call("GET", "/health", Status)


def live() -> Call[Status]:
    """The process answers; no key is needed."""
    return Call("GET", "/livez", Status, repeatable=True)


def ready() -> Call[Status]:
    """Networks and database answered a moment ago; no key is needed.

    It is sent only once, because not being ready is an answer, too: `ApiError` with 503.
    """
    return Call("GET", "/readyz", Status)


def version() -> Call[Version]:
    """What is running."""
    return Call("GET", "/version", Version, repeatable=True)


def _job(job_id: str) -> str:
    return f"/v1/admin/jobs/{quote(job_id, safe='')}"
