"""Reload: another bundle begins to serve, everybody is embedded anew, no request fails.

docs/architecture.md has this on one page. A job goes through the steps in `_carry_out`; whatever
stops it, the old bundle keeps serving. Every step may be done twice: if a job's process dies,
whoever finds the job begins again at the first step.
"""

import asyncio
import logging
from dataclasses import asdict
from functools import partial
from uuid import UUID, uuid4

from app.db.repositories import events, jobs, pointer, spaces
from app.db.session import Sessions, WriteSession, patiently
from app.db.tables import Job, JsonObject
from app.errors import (
    BundleError,
    FarsightError,
    GateError,
    JobLostError,
    ReloadRefusedError,
)
from app.evaluation.gate import judge_manifests, unmeasured_reasons
from app.gallery.gallery import Gallery
from app.recognition.inference import Inference
from app.recognition.memory import give_back_freed_memory
from app.recognition.serving import Current, Serving
from app.services.activation import Activation
from app.services.enrolled_sample import EnrolledSample
from app.services.job_diary import JobDiary, Jobs, JobView, State, Step, is_abandoned, view_job
from app.services.reembedding import PATIENCE_S, Reembedding
from app.services.switching import erase_other_spaces, refuse_lost_users, switch
from app.vision.bundle import verify_bundle
from app.vision.embedder import Embedder
from app.vision.manifest import Manifest, read_manifest
from app.vision.self_test import check_parity, check_self_test

_MAX_ATTEMPTS = 3
_UNFORESEEN: JsonObject = {
    "code": "internal_error",
    "detail": "The service's log has details under the id of this job.",
}
_log = logging.getLogger(__name__)


class Reload:
    """Starts reloads, carries them out, and continues abandoned ones.

    Args:
        sessions: Where jobs, crops and embeddings are.
        current: What serves.
        inference: Where networks run.
        activation: Loads bundles.
        max_loss: Share of true matches that the new bundle may lose, 0 to 1.
    """

    def __init__(
        self,
        sessions: Sessions,
        current: Current,
        inference: Inference,
        activation: Activation,
        max_loss: float,
    ) -> None:
        self._sessions = sessions
        self._jobs = Jobs(sessions)
        self._current = current
        self._inference = inference
        self._reembedding = Reembedding(sessions, current, inference)
        self._sample = EnrolledSample(sessions, inference)
        self._activation = activation
        self._max_loss = max_loss
        self._owner = uuid4().hex
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, bundle: str, actor: str, *, force: bool) -> JobView:
        """Begins a reload, which continues in the background.

        Args:
            bundle: Its name in the store.
            actor: The caller's key id.
            force: Ignore the gate's verdict; the audit log records who did.

        Raises:
            BundleNotFoundError: There is no such bundle.
            BundleError: Its manifest cannot be read.
            ReloadRunningError: One is running already.
            ReloadRefusedError: It cannot be done, or could not be undone.
            CropsNotRetainedError: Somebody enrolled cannot move to the bundle's space.
        """
        manifest = await asyncio.to_thread(read_manifest, self._activation.folder(bundle))

        async def store(session: WriteSession) -> JobView:
            await self._refuse_impossible(session, manifest)
            now = await self._sessions.engine.now(session)
            job = Job(
                id=uuid4(),
                bundle=bundle,
                space_id=manifest.space_id,
                force=force,
                actor=actor,
                state=State.RUNNING,
                step=Step.VERIFY,
                owner=self._owner,
                created_at=now,
                updated_at=now,
            )
            await jobs.add(session, job)
            detail: JsonObject = {"job": str(job.id), "space": manifest.space_id, "force": force}
            await events.record(session, actor, "reload.started", bundle, detail)
            session.after_commit.append(partial(self._spawn, job.id))
            return view_job(job)

        return await self._sessions.write(store)

    @property
    def is_working(self) -> bool:
        """Whether this process works on a reload."""
        return bool(self._tasks)

    async def take_over(self) -> None:
        """Continues a job that nobody works on."""

        async def store(session: WriteSession) -> None:
            job = await jobs.running(session)
            now = await self._sessions.engine.now(session)
            if job is None or not is_abandoned(job, now):
                return
            job.owner, job.updated_at = self._owner, now
            if job.attempts >= _MAX_ATTEMPTS:
                await _end(session, job, State.FAILED, _died(job))
                return
            job.attempts += 1
            session.after_commit.append(partial(self._spawn, job.id))

        if self.is_working:
            return  # this process works on it, however long it has to wait for the database
        async with self._sessions.read() as session:
            job = await jobs.running(session)
            now = await self._sessions.engine.now(session)
        if job is not None and is_abandoned(job, now):
            await self._sessions.write(store)

    async def close(self) -> None:
        """Leaves a running job; the next start finds it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _refuse_impossible(self, session: WriteSession, manifest: Manifest) -> None:
        active = await pointer.active_bundle(session)
        assert active is not None, "the pointer is set at the start"
        if manifest.space_id == active.space_id:
            return
        if manifest.name == active.name:
            raise ReloadRefusedError(
                f"Bundle {manifest.name!r} serves already, with other files. Publish the new ones"
                " under another name, or there would be no way back."
            )
        await refuse_lost_users(session, manifest.space_id)

    def _spawn(self, job_id: UUID) -> None:
        task = asyncio.create_task(self._run(job_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, job_id: UUID) -> None:
        """Carries out a job and records how it ended."""
        diary = JobDiary(self._sessions, job_id, self._owner)
        try:
            async with diary.kept_alive():
                await self._carry_out(await self._jobs.get(job_id), diary)
        except JobLostError:
            _log.warning("job %s is carried out by another process", job_id)
        except FarsightError as error:
            await self._fail(diary, {"code": error.code, "detail": error.detail, **error.facts})
        except Exception:  # noqa: BLE001 - logged; whatever went wrong, the job must end
            _log.exception("job %s failed", job_id)
            await self._fail(diary, _UNFORESEEN)
        await asyncio.to_thread(give_back_freed_memory)

    async def _carry_out(self, job: JobView, diary: JobDiary) -> None:
        folder = self._activation.folder(job.bundle)

        await diary.step(Step.VERIFY)
        manifest = await asyncio.to_thread(verify_bundle, folder)
        if manifest.space_id != job.space_id:
            raise BundleError(f"The files of {job.bundle!r} changed after the reload began.")

        await diary.step(Step.LOAD)
        embedder = await asyncio.to_thread(self._activation.load, job.bundle, job.space_id)

        await diary.step(Step.WARM_UP)
        await self._activation.warm_up(embedder)

        await diary.step(Step.SELF_TEST)
        await asyncio.to_thread(check_self_test, embedder)
        await asyncio.to_thread(check_parity, embedder)

        if job.space_id == self._current.serving.space_id:
            # The same networks: nobody has to move, and no figure can be worse.
            await diary.step(Step.SWITCH)
            gallery = self._current.serving.gallery
            await self._switch(diary, self._activation.serving(embedder, gallery))
            return

        await diary.step(Step.GATE)
        await self._pass_gate(job, diary, embedder)

        async with self._sessions.read() as session:
            total = await spaces.count_to_embed(session, job.space_id)
        await diary.step(Step.RE_EMBED, total)
        await self._reembedding.complete(embedder, diary.advance)

        await diary.step(Step.SWITCH)
        gallery = await self._activation.gallery(self._sessions, embedder)
        await self._switch(diary, self._activation.serving(embedder, gallery))
        await erase_other_spaces(self._sessions)

    async def _pass_gate(self, job: JobView, diary: JobDiary, embedder: Embedder) -> None:
        """Judges the new bundle by its manifest and by the people enrolled."""
        serving = self._current.serving
        new = self._activation.serving(embedder, Gallery())
        on_paper = judge_manifests(new.manifest, serving.manifest, self._max_loss)
        on_people = await self._sample.judge(serving, new, self._max_loss)
        report: JsonObject = {"held_out": asdict(on_paper), "enrolled": asdict(on_people)}

        async def store(session: WriteSession) -> None:
            row = await diary.row(session)
            row.report = report

        await patiently(partial(self._sessions.write, store), PATIENCE_S)
        unmeasured = unmeasured_reasons(new.manifest, on_people.figures)
        reasons = [*on_paper.reasons, *on_people.reasons, *unmeasured]
        if reasons and not job.force:
            raise GateError("; ".join(reasons))

    async def _switch(self, diary: JobDiary, serving: Serving) -> None:
        """Ends the job by switching, once everybody is in the new space."""

        async def store(session: WriteSession) -> bool:
            row = await diary.row(session)
            if not await switch(session, self._current, serving):
                return False
            await _end(session, row, State.SUCCEEDED)
            return True

        while not await patiently(partial(self._sessions.write, store), PATIENCE_S):
            # Somebody was registered since the last look.
            await self._reembedding.complete(serving.embedder, diary.advance)
        _log.info("serving bundle=%s space=%s", serving.manifest.name, serving.space_id)

    async def _fail(self, diary: JobDiary, error: JsonObject) -> None:
        async def store(session: WriteSession) -> None:
            await _end(session, await diary.row(session), State.FAILED, error)

        try:
            await patiently(partial(self._sessions.write, store), PATIENCE_S)
        except FarsightError:
            _log.exception("a job failed and will be tried again: its end cannot be written")


def _died(job: Job) -> JsonObject:
    detail = f"{job.attempts} processes died over it, the last one at step {job.step!r}."
    return {"code": "process_died", "detail": detail}


async def _end(
    session: WriteSession, row: Job, state: State, error: JsonObject | None = None
) -> None:
    # The row was just taken, and that is noted in it by the database's clock.
    row.state, row.error, row.finished_at = state, error, row.updated_at
    detail: JsonObject = {"job": str(row.id), "force": row.force}
    if error is not None:
        detail["code"] = error["code"]
    await events.record(session, row.actor, f"reload.{state}", row.bundle, detail)
