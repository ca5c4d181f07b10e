"""Crops were not kept: nobody can be embedded anew."""

import shutil
from collections.abc import Callable
from pathlib import Path

from app.services.keys import Scope
from app.settings import Settings
from app.vision.scaling import Pixels
from tests.api.conftest import create_key
from tests.reload.caller import Caller, Rows
from tests.reload.forgery import copy_of
from tests.rotated import enrol
from tests.service_process import serving


def test_only_a_bundle_of_the_same_space_can_serve_when_crops_were_not_retained(
    make_settings: Callable[[Path], Settings],
    store: Path,
    faces: dict[str, list[Pixels]],
    tmp_path: Path,
) -> None:
    shutil.copytree(store, tmp_path / "store")
    copy_of(tmp_path / "store" / "farsight-xxs", "same")
    world = make_settings(tmp_path).model_copy(
        update={"bundles": tmp_path / "store", "bundle": "farsight-xxs"}
    )
    known = dict(list(faces.items())[:3])
    enrol(world, known, retain_crops=False)
    key = create_key(world, *Scope)
    with serving(world, tmp_path, FARSIGHT_RETAIN_CROPS="false") as process:
        caller = Caller(process.url, key)
        with caller.http:
            refused = caller.http.post("/v1/admin/reload", json={"bundle": "turned"})
            assert (refused.status_code, refused.json()["code"]) == (409, "crops_not_retained")
            assert refused.json()["users"] == len(known)
            assert Rows(world).one("SELECT count(*) FROM jobs") == 0

            assert caller.finished(caller.reload("same"))["state"] == "succeeded"
            assert caller.version()[0] == "same"
            probes = {name: crops[-1] for name, crops in known.items()}
            assert {name: found for name, (found, _) in caller.answers(probes).items()} == {
                name: name for name in known
            }
