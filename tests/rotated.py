"""Bundles that know the same faces in other spaces, and people enrolled without photos."""

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from uuid import uuid4

import msgspec
import torch

from app.db.migration import open_sessions
from app.db.repositories import photos, users
from app.db.session import WriteSession
from app.db.tables import Photo
from app.recognition.serving import Current
from app.services.activation import Activation
from app.services.template import refresh_templates
from app.settings import Settings
from app.vision.alignment import Crop
from app.vision.bundle import Bundle, load_bundle, weight_file, write_bundle
from app.vision.embedder import Embedder
from app.vision.manifest import Networks
from app.vision.onnx_export import export_edgeface
from app.vision.png import encode_png
from app.vision.scaling import Pixels
from app.vision.self_test import known_answers
from app.vision.torch_networks import TorchNetworks, build_networks
from tests.changed import changed


def rotate_bundle(bundle: Path, name: str, seed: int = 0) -> Path:
    """A bundle beside another that gives every face the same embedding, turned.

    Within each of the two spaces all similarities are the same; between them they are noise, so
    that any mixing of the two shows.
    """
    loaded = load_bundle(bundle)
    turned, _ = torch.linalg.qr(
        torch.randn(512, 512, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    )

    def turn(networks: TorchNetworks) -> None:
        parameters = dict(networks.edgeface.named_parameters())
        for name_of in ("model.head.fc.weight", "model.head.fc.bias"):
            parameter = parameters[name_of]
            parameter.copy_((turned @ parameter.double()).float())

    rotated = changed(loaded, turn)
    files = dict(rotated.files)
    entry, dsr = loaded.manifest.networks.edgeface, loaded.manifest.networks.dsr
    entry = msgspec.structs.replace(
        entry, weights=weight_file(entry.weights.name, files[entry.weights.name])
    )
    if entry.onnx is not None:  # served as fast as the other one
        content = export_edgeface(build_networks(rotated).edgeface)
        files[entry.onnx.name] = content
        entry = msgspec.structs.replace(entry, onnx=weight_file(entry.onnx.name, content))
    manifest = msgspec.structs.replace(
        loaded.manifest, name=name, networks=Networks(edgeface=entry, dsr=dsr)
    )
    answers = known_answers(Embedder(Bundle(manifest, files), "cpu"))
    return write_bundle(bundle.parent, msgspec.structs.replace(manifest, self_test=answers), files)


def store_of_two(folder: Path, bundle: Path) -> Path:
    """A bundle store: a copy of a bundle, and `turned`, which is the same in another space."""
    rotate_bundle(shutil.copytree(bundle, folder / bundle.name), "turned")
    return folder


def enrol(
    settings: Settings, people: Mapping[str, Sequence[Pixels]], *, retain_crops: bool = True
) -> None:
    """Enrols people from sharp aligned crops, as registration stores them."""

    async def enrol_all() -> None:
        async with open_sessions(settings.database) as sessions:
            current = Current(await Activation(settings).start(sessions))
            embedder = current.serving.embedder
            for user_id, crops in people.items():
                work = partial(_enrol_one, current, embedder, user_id, crops, retain_crops)
                await sessions.write(work)

    asyncio.run(enrol_all())


async def _enrol_one(
    current: Current,
    embedder: Embedder,
    user_id: str,
    crops: Sequence[Pixels],
    retain_crops: bool,
    session: WriteSession,
) -> None:
    user = await users.add(session, user_id, None, {})
    embeddings, _ = embedder.embed([Crop(pixels, 112.0) for pixels in crops])
    for pixels, embedding in zip(crops, embeddings, strict=True):
        row = Photo(
            id=uuid4(),
            user=user.id,
            crop=encode_png(pixels) if retain_crops else None,
            face_px=112.0,
            quality={},
            sha256=uuid4().hex * 2,
        )
        await photos.add(session, [row], embedder.bundle.space_id, [embedding])
    await refresh_templates(session, current, user)
