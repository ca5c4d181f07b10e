"""The object graph: what lives as long as the process, and in which order it starts and stops."""

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from app.db.crop_keys import read_crop_keys
from app.db.migration import open_sessions
from app.db.session import Sessions
from app.metrics import Metrics
from app.recognition.clips import Clips
from app.recognition.decoders import Decoders
from app.recognition.inference import Inference, set_library_threads
from app.recognition.recognizer import open_recognizer
from app.recognition.serving import Current
from app.services.activation import Activation
from app.services.bundles import Bundles, BundleStore
from app.services.erasures import Erasures
from app.services.following import Following
from app.services.freshness import Freshness
from app.services.identification import Identifier
from app.services.job_diary import Jobs
from app.services.keeping import Keeping
from app.services.key_diary import KeyDiary
from app.services.keys import Keys
from app.services.merging import Merging
from app.services.photo_moving import PhotoMoving
from app.services.photo_review import PhotoReview
from app.services.readiness import Readiness
from app.services.reembedding import Reembedding
from app.services.registration import Registration
from app.services.reload import Reload
from app.services.review import Review
from app.services.search import MemorySearch, PgvectorSearch, Search
from app.services.stored_photos import StoredPhotos
from app.services.subject_recognition import SubjectRecognition
from app.services.subjects import MIN_PHOTOS, Subjects
from app.services.transfer import GalleryImport
from app.services.trial import Trial
from app.services.users import Users
from app.services.watching import Watching
from app.settings import Settings, overridden
from app.vision.image import open_photo
from app.vision.quality import REGISTRATION_LIMITS

_CLOSED_WITHIN_S = 2.0


@dataclass(slots=True)
class Rows:
    """What needs the database and no networks: a command that lists users need not load them."""

    sessions: Sessions
    freshness: Freshness
    keys: Keys
    key_diary: KeyDiary
    users: Users
    merging: Merging
    erasures: Erasures
    stored_photos: StoredPhotos
    jobs: Jobs
    bundle_store: BundleStore


@dataclass(slots=True)
class Graph(Rows):
    """Everything that lives as long as the process.

    Attributes:
        current: Its serving is taken once per request.
        public_version: Whether /version reveals everything without a key.
    """

    current: Current
    decoders: Decoders
    inference: Inference
    registration: Registration
    photo_moving: PhotoMoving
    keeping: Keeping
    review: Review
    search: Search
    trial: Trial
    identifier: Identifier
    watching: Watching
    subjects: Subjects
    subject_recognition: SubjectRecognition
    gallery_import: GalleryImport
    reload: Reload
    bundles: Bundles
    following: Following
    readiness: Readiness
    public_version: bool


@asynccontextmanager
async def open_graph(settings: Settings, metrics: Metrics | None = None) -> AsyncIterator[Graph]:
    """Opens everything in the order of dependence, for the service and for commands.

    What was opened is closed in the opposite order, also when something in between fails.

    Args:
        settings: What to open.
        metrics: Where it counts; nobody asks what commands have counted.
    """
    async with AsyncExitStack() as opened:
        yield await _open(settings, opened, metrics or Metrics())


@asynccontextmanager
async def open_rows(settings: Settings) -> AsyncIterator[Rows]:
    """Opens the database alone, as open_graph does."""
    async with AsyncExitStack() as opened:
        yield await _open_rows(settings, opened)


async def _open_rows(settings: Settings, opened: AsyncExitStack) -> Rows:
    crop_keys = read_crop_keys(settings.crop_key_file)
    sessions = await opened.enter_async_context(open_sessions(settings.database, crop_keys))
    freshness = Freshness(settings.identification.max_age_s, is_remote=sessions.engine.is_remote)
    key_diary = KeyDiary(sessions)
    opened.push_async_callback(key_diary.close)
    erasures = Erasures(sessions)
    opened.push_async_callback(erasures.close)
    return Rows(
        sessions=sessions,
        freshness=freshness,
        keys=Keys(sessions, freshness, settings.limits.failed_keys_per_minute),
        key_diary=key_diary,
        users=Users(sessions, erasures),
        merging=Merging(sessions, erasures),
        erasures=erasures,
        stored_photos=StoredPhotos(sessions),
        jobs=Jobs(sessions),
        bundle_store=BundleStore(sessions, settings.bundles),
    )


async def _open(settings: Settings, opened: AsyncExitStack, metrics: Metrics) -> Graph:
    limits = settings.limits
    set_library_threads(settings.threads.torch, settings.threads.opencv)
    rows = await _open_rows(settings, opened)
    sessions, erasures, freshness = rows.sessions, rows.erasures, rows.freshness
    activation = Activation(settings)
    current = Current(await activation.start(sessions))
    decoders = Decoders(limits.max_decoding_s)
    opened.callback(decoders.close)
    inference = Inference(
        # Other systems limit time and memory differently, or not at all.
        open_recognizer(settings, decoders.open if sys.platform == "linux" else open_photo),
        readers=settings.threads.readers,
        workers=activation.workers(),
        max_requests=limits.max_requests,
        deadline_s=limits.deadline_s,
        metrics=metrics,
    )
    opened.push_async_callback(in_time, inference.close, _CLOSED_WITHIN_S)
    readiness = Readiness(sessions, current, inference, freshness, limits.deadline_s)
    opened.push_async_callback(readiness.close)
    await readiness.check()
    readiness.require()
    reembedding = Reembedding(sessions, current, inference)
    reload = Reload(sessions, current, inference, activation, settings.reload.max_loss)
    opened.push_async_callback(reload.close)
    following = Following(sessions, current, activation, reembedding, reload, freshness)
    opened.push_async_callback(following.close)
    quality_limits = overridden(REGISTRATION_LIMITS, "quality", settings.quality)
    photo_review = PhotoReview(
        inference, quality_limits, limits.max_photos, settings.registration.outlier_similarity
    )

    search: Search = MemorySearch() if settings.search == "memory" else PgvectorSearch(sessions)

    def registration(min_photos: int) -> Registration:
        return Registration(
            sessions,
            current,
            photo_review,
            erasures,
            min_photos=min_photos,
            outlier_similarity=settings.registration.outlier_similarity,
            duplicate_similarity=settings.registration.duplicate_similarity,
            retain_crops=settings.retain_crops,
            metrics=metrics,
            search=search,
        )

    users = Users(sessions, erasures, current)
    keeping = Keeping(sessions, settings.review)
    opened.push_async_callback(keeping.close)
    identifier = Identifier(inference, limits.max_photos, metrics, search, keeping)
    registering = registration(settings.registration.min_photos)
    return Graph(
        sessions=sessions,
        freshness=freshness,
        keys=rows.keys,
        key_diary=rows.key_diary,
        users=users,
        merging=Merging(sessions, erasures, current),
        erasures=erasures,
        stored_photos=rows.stored_photos,
        jobs=rows.jobs,
        bundle_store=rows.bundle_store,
        current=current,
        decoders=decoders,
        inference=inference,
        registration=registering,
        photo_moving=PhotoMoving(
            sessions,
            current,
            min_photos=settings.registration.min_photos,
            outlier_similarity=settings.registration.outlier_similarity,
        ),
        keeping=keeping,
        review=Review(sessions, registering, erasures, limits.max_photos),
        search=search,
        trial=Trial(
            photo_review,
            search,
            min_photos=settings.registration.min_photos,
            duplicate_similarity=settings.registration.duplicate_similarity,
        ),
        identifier=identifier,
        watching=Watching(inference, current, Clips(limits), search),
        subjects=Subjects(
            sessions,
            current,
            users,
            registration(MIN_PHOTOS),
            rows.stored_photos,
            erasures,
            outlier_similarity=settings.registration.outlier_similarity,
        ),
        subject_recognition=SubjectRecognition(sessions, identifier, rows.stored_photos),
        gallery_import=GalleryImport(
            sessions, current, inference, retain_crops=settings.retain_crops
        ),
        reload=reload,
        bundles=Bundles(sessions, current, activation, reembedding),
        following=following,
        readiness=readiness,
        public_version=settings.public_version,
    )


async def in_time(close: Callable[[], None], within_s: float) -> None:
    """Closes threads, but leaves one behind that is busy for long.

    It must not keep the database from being closed, nor the process from ending.

    Args:
        close: Waits for the threads.
        within_s: Seconds that it may take.
    """
    closing = threading.Thread(target=close, daemon=True)
    closing.start()
    await asyncio.to_thread(closing.join, within_s)
