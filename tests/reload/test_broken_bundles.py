"""Bundles that are broken, made by an attacker, or no good: each is stopped, with a reason."""

import re
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copytree

import pytest

from app.setting_groups import DatabaseSettings
from app.settings import Settings
from app.vision.scaling import Pixels
from tests.reload import forgery
from tests.reload.caller import Caller, Json, Rows, as_json, assert_same
from tests.reload.conftest import Serve, copied
from tests.service_process import ServiceProcess

Forge = Callable[[Path, str], None]
Service = tuple[ServiceProcess, Caller, Settings]

_ROOM_BYTES = 40_000_000

# What each forgery is refused for.
_NOT_AS_PUBLISHED: dict[Forge, str] = {
    forgery.flipped_bit: "edgeface.safetensors .* differs in SHA-256",
    forgery.missing_file: "dsr.safetensors .* is missing",
    forgery.short_file: "dsr.safetensors .* differs in size",
    forgery.no_manifest: "manifest .* is invalid",
    forgery.path_out_of_the_store: "manifest .* is invalid",
    forgery.linked_file: "dsr.safetensors .* not a plain file",
}
_NOT_OF_THE_NETWORK: dict[Forge, str] = {
    forgery.extra_tensor: "does not fit the network: .*extra",
    forgery.missing_tensor: "does not fit the network: .*Missing",
    forgery.wrong_shape: "does not fit the network: .*size mismatch",
    forgery.other_embedding_size: "does not fit the network: .*size mismatch .*256",
    forgery.nan_weight: "not finite float32",
    forgery.pickle: "is not a safetensors file",
}
_NO_GOOD: dict[Forge, str] = {
    forgery.collapsed: r"impostor mean 0\.\d+ on enrolled people is above 0.2",
    forgery.noisy: "pairs of users .* are taken for one person, more than the promised",
}


@pytest.fixture(scope="module")
def service(
    enrolled: tuple[Settings, str],
    serve: Serve,
    make_database: Callable[[Path], DatabaseSettings],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Service]:
    """A service with a store of its own, which the tests add bundles to."""
    folder = tmp_path_factory.mktemp("broken")
    copytree(enrolled[0].bundles, folder / "store")
    world = copied(enrolled[0], make_database(folder)).model_copy(
        update={"bundles": folder / "store"}
    )
    with serve(world) as (process, caller):
        yield process, caller, world


@pytest.fixture
def untouched(service: Service, probes: dict[str, Pixels]) -> Iterator[Service]:
    """The service, which must serve the old bundle and answer the same after the test."""
    _, caller, _ = service
    serving, before = caller.version(), caller.answers(probes)
    assert serving[0] == "farsight-xxs"
    yield service
    assert caller.version() == serving
    assert_same(caller.answers(probes), before, tolerance=1e-6)


def _error(service: Service, bundle: str, *, force: bool = False) -> Json:
    """Code and detail of why a bundle does not serve: at once, or in its job."""
    _, caller, world = service
    answer = caller.http.post("/v1/admin/reload", json={"bundle": bundle, "force": force})
    if answer.status_code == 202:
        job = caller.finished(answer.json()["id"])
        assert job["state"] == "failed", job
        error = job["error"]
        assert isinstance(error, dict)
    else:
        assert 400 <= answer.status_code < 500, answer.text
        error = as_json(answer)
    detail = error["detail"]
    for inside in (str(world.bundles.parent), "Traceback", ".py", "site-packages"):
        assert inside not in detail
    return {**error, "step": job["step"] if answer.status_code == 202 else None}


def _listed(service: Service, name: str) -> Json:
    items = service[1].http.get("/v1/admin/bundles").json()["items"]
    (found,) = [item for item in items if item["name"] == name]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("forge", _NOT_AS_PUBLISHED)
def test_bundle_is_stopped_and_listed_as_broken_when_its_files_are_not_as_published(
    untouched: Service, forge: Forge
) -> None:
    name = forge.__name__
    forge(untouched[2].bundles / "farsight-xxs", name)
    error = _error(untouched, name)
    assert error["code"] == "bundle_invalid"
    assert re.search(_NOT_AS_PUBLISHED[forge], error["detail"], re.DOTALL)
    listed = _listed(untouched, name)
    assert listed["state"] == "broken"
    assert re.search(_NOT_AS_PUBLISHED[forge], listed["reason"], re.DOTALL)


def test_bundle_is_not_found_when_its_folder_is_a_link_out_of_the_store(untouched: Service) -> None:
    forgery.linked_folder(untouched[2].bundles / "farsight-xxs", "linked_folder")
    assert _error(untouched, "linked_folder")["code"] == "bundle_not_found"
    listed = _listed(untouched, "linked_folder")
    assert (listed["state"], listed["space"]) == ("broken", None)
    assert "symbolic link" in listed["reason"]


@pytest.mark.parametrize("forge", _NOT_OF_THE_NETWORK)
def test_bundle_is_stopped_when_its_tensors_are_not_those_of_the_network(
    untouched: Service, forge: Forge
) -> None:
    name = forge.__name__
    forge(untouched[2].bundles / "farsight-xxs", name)
    error = _error(untouched, name)
    assert (error["code"], error["step"]) == ("bundle_invalid", "load")
    assert re.search(_NOT_OF_THE_NETWORK[forge], error["detail"], re.DOTALL)


def test_network_is_stopped_by_its_self_test_when_it_answers_everything_alike(
    untouched: Service,
) -> None:
    forgery.constant(untouched[2].bundles / "farsight-xxs", "constant")
    for force in (False, True):  # nobody can want these
        error = _error(untouched, "constant", force=force)
        assert (error["code"], error["step"]) == ("bundle_invalid", "self_test")
        assert re.search(r"only -?\d\.\de-\d\d apart", error["detail"], re.DOTALL)


@pytest.mark.parametrize(
    ("forge", "step", "reason"),
    [
        (forgery.broken_onnx, "load", "onnxruntime refuses the ONNX file of EdgeFace"),
        (forgery.foreign_onnx, "self_test", "direct route the ONNX files differ from torch"),
    ],
)
def test_bundle_is_stopped_when_its_onnx_files_are_not_its_networks(
    untouched: Service, forge: Forge, step: str, reason: str
) -> None:
    name = forge.__name__
    forge(untouched[2].bundles / "farsight-xxs", name)
    for force in (False, True):
        error = _error(untouched, name, force=force)
        assert (error["code"], error["step"]) == ("bundle_invalid", step)
        assert re.search(reason, error["detail"])


@pytest.mark.parametrize("forge", _NO_GOOD)
def test_network_is_stopped_by_the_gate_when_it_knows_people_no_more(
    untouched: Service, forge: Forge
) -> None:
    name = forge.__name__
    forge(untouched[2].bundles / "farsight-xxs", name)
    error = _error(untouched, name)
    assert (error["code"], error["step"]) == ("gate_refused", "gate")
    assert re.search(_NO_GOOD[forge], error["detail"])


def test_gate_lets_a_bundle_pass_when_forced_and_the_audit_log_says_who(
    service: Service, probes: dict[str, Pixels]
) -> None:
    _, caller, world = service
    before = caller.answers(probes)
    forgery.collapsed(world.bundles / "farsight-xxs", "forced")
    refused = caller.finished(caller.reload("forced"))
    assert refused["state"] == "failed"
    assert refused["report"]["enrolled"]["figures"]["after"]["impostor_mean"] > 0.2
    job = caller.finished(caller.reload("forced", force=True))
    assert (job["state"], job["force"]) == ("succeeded", True)
    assert job["report"]["enrolled"]["reasons"] == refused["report"]["enrolled"]["reasons"]
    assert caller.version()[0] == "forced"
    key_id = caller.http.headers["Authorization"].split("_")[1]
    for action in ("reload.started", "reload.succeeded"):
        forced = (
            f"SELECT count(*) FROM audit_events WHERE actor = '{key_id}' AND action = '{action}'"
            " AND subject = 'forced' AND CAST(detail ->> 'force' AS TEXT) IN ('1', 'true')"
        )
        assert Rows(world).one(forced) == 1
    assert caller.http.post("/v1/admin/rollback").status_code == 200
    assert_same(caller.answers(probes), before, tolerance=1e-6)


@contextmanager
def _little_memory(process: ServiceProcess) -> Iterator[None]:
    """The process may take a little more memory than it has, and no more."""
    process_id = process.process.pid
    pages = int(Path(f"/proc/{process_id}/statm").read_text().split()[0])
    soft = pages * resource.getpagesize() + _ROOM_BYTES
    before = resource.prlimit(process_id, resource.RLIMIT_AS)
    resource.prlimit(process_id, resource.RLIMIT_AS, (soft, before[1]))
    yield
    resource.prlimit(process_id, resource.RLIMIT_AS, before)


def test_bundle_is_stopped_when_there_is_no_memory_for_it(untouched: Service) -> None:
    process, caller, world = untouched
    forgery.large(world.bundles / "farsight-xxs", "large")
    with _little_memory(process):
        error = _error(untouched, "large")
        assert caller.http.get("/readyz").status_code == 200
    assert (error["code"], error["step"]) == ("out_of_memory", "load")
    assert re.search("not enough memory to load bundle 'large'", error["detail"], re.DOTALL)
