"""The service's answers to operators; see farsight_client.answers."""

from datetime import datetime
from typing import Literal

from farsight_client.answers import Answer, JsonObject


class Status(Answer, frozen=True):
    """All is well: `status` is `ok`."""

    status: str


class KeyRights(Answer, frozen=True):
    """What a key may be used for; `groups` is None if it reaches all users."""

    id: str
    scopes: list[str]
    groups: list[str] | None


class Version(Answer, frozen=True):
    """What is running in the process that answers.

    All but `version` is None without a key, unless the service shows it to everybody.
    """

    version: str
    bundle: str | None
    space: str | None
    gallery_revision: int | None
    key: KeyRights | None = None


class Serving(Answer, frozen=True):
    """The bundle that serves from now on, and its space."""

    bundle: str
    space: str


class SizeMetrics(Answer, frozen=True):
    """Held-out figures of a bundle for faces of one size; fractions.

    Attributes:
        size: In px, or `HR` for crops that were not shrunk.
        n_genuine: Pairs of photos of one person.
        n_impostor: Pairs of photos of two people.
        eer: Equal error rate.
        tar_at_far: True-accept rate by false-accept rate, such as `1e-3`.
        rank1: How often the most similar person is the right one.
        impostor_mean: Mean similarity of two people.
        impostor_std: Its standard deviation.
    """

    size: str
    n_genuine: int
    n_impostor: int
    eer: float
    tar_at_far: dict[str, float]
    rank1: float
    impostor_mean: float
    impostor_std: float


class Bundle(Answer, frozen=True):
    """A bundle of the service's store.

    Attributes:
        name: What `reload` takes.
        state: `serving`, `former`, `available` or `broken`.
        reason: Why it is broken.
        space: None for a broken one, like the fields below.
        created_at: When it was published.
        network: The variant of EdgeFace.
        dsr: Whether small faces are restored first.
        metrics: By size.
    """

    name: str
    state: str
    reason: str | None
    space: str | None
    created_at: datetime | None
    network: str | None
    dsr: bool | None
    metrics: list[SizeMetrics]


class BundleList(Answer, frozen=True):
    """All bundles of the store, by name; there is one page."""

    items: list[Bundle]
    next_cursor: str | None


class JobError(Answer, frozen=True):
    """Why a job failed: for programs, and in a sentence."""

    code: str
    detail: str


class Job(Answer, frozen=True):
    """A reload and its state.

    Attributes:
        id: What `job` and `job_events` take.
        bundle: The bundle to serve.
        space: The bundle's space.
        force: Whether the gate's verdict is ignored.
        state: Whether it is running, and how it ended.
        step: The current step, or the one at which it ended, such as `re_embed`.
        done: Photos embedded so far.
        total: Photos to be embedded; 0 before that is known.
        rate_per_s: Photos embedded per second; None before that is known.
        time_left_s: At that rate.
        error: Why it failed.
        report: The figures that the gate judged by.
        attempts: How many processes have worked on it.
        created_at: When it was requested.
        updated_at: When it was last heard of.
        finished_at: When it ended.
    """

    id: str
    bundle: str
    space: str
    force: bool
    state: Literal["running", "succeeded", "failed"]
    step: str
    done: int
    total: int
    rate_per_s: float | None
    time_left_s: float | None
    error: JobError | None
    report: JsonObject | None
    attempts: int
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None


class GalleryImport(Answer, frozen=True):
    """What an import did.

    Attributes:
        added: New users.
        replaced: Users replaced by the file's.
        skipped: Users left as they were.
        reembedded: Whether the file was of another space and its crops were embedded anew.
    """

    added: int
    replaced: int
    skipped: int
    reembedded: bool


class JobList(Answer, frozen=True):
    """The latest jobs, newest first."""

    items: list[Job]
    next_cursor: str | None


class Key(Answer, frozen=True):
    """A key without its secret; `id` is its public half."""

    id: str
    scopes: list[str]
    groups: list[str] | None
    label: str
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None


class KeyList(Answer, frozen=True):
    """All keys."""

    items: list[Key]
    next_cursor: str | None


class CreatedKey(Answer, frozen=True):
    """A new key, shown only this once."""

    key: str


class Event(Answer, frozen=True):
    """Who did what to whom: a line of the audit log.

    Attributes:
        at: When.
        actor: A key's id, or `command-line`.
        action: Such as `user.erased`.
        subject: A `user_id`, a key's id or the name of a bundle.
        detail: Figures.
    """

    at: datetime
    actor: str
    action: str
    subject: str
    detail: JsonObject


class EventPage(Answer, frozen=True):
    """One page of the audit log, newest first."""

    items: list[Event]
    next_cursor: str | None


class Threshold(Answer, frozen=True):
    """From which similarity on a face of some size is somebody's.

    Attributes:
        min_face_px: Where the range of sizes begins.
        max_face_px: Where it ends; None for no end.
        similarity: The threshold of a usual face; each answer has its own.
        false_accept_rate: Share of comparisons with strangers that reach it; None if unknown.
        strangers_named: Share of strangers taken for one of the users here; None if unknown.
    """

    min_face_px: float
    max_face_px: float | None
    similarity: float
    false_accept_rate: float | None
    strangers_named: float | None


class ThresholdList(Answer, frozen=True):
    """The thresholds in use, smallest faces first, and how many users there are."""

    bundle: str
    space: str
    users: int
    items: list[Threshold]
    next_cursor: str | None
