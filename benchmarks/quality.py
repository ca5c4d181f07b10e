"""Prints the tables of docs/decisions/0004-quality-thresholds.md: `python -m benchmarks.quality`.

`genuine`: cosine between the embeddings of a crop and of the same crop as it was (tables light and
detail), or median cosine to the other crops of the same person (table pose).
"""

import itertools
from collections import Counter
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from app.vision.alignment import ARCFACE_TEMPLATE, Crop, align
from app.vision.detection import find_faces
from app.vision.detector import Detector, Face
from app.vision.image import Image
from app.vision.quality import Quality, assess, rejection
from app.vision.shrinking import enlarge, shrink
from benchmarks.material import Embedder, Vectors, limit_threads, load_detectors, read_images, show

SIMILARITY_THRESHOLD = 0.35
# To half of the other photos of the same person: a wrong label rather than a hard pose.
LIKELY_MISLABELLED = 0.15
PHOTOS_PER_USER = 3
BORDERS = {
    "black": cv2.BORDER_CONSTANT,
    "replicate": cv2.BORDER_REPLICATE,
    "reflect": cv2.BORDER_REFLECT_101,
}


def low_resolution(crop: Image, face_px: int, blur_px: float = 0.0) -> Image:
    """As from a photo in which the face has `face_px`, out of focus by `blur_px` of that photo."""
    small = shrink(crop, face_px)
    if blur_px:
        small = np.asarray(cv2.GaussianBlur(small, (0, 0), blur_px), dtype=np.uint8)
    return enlarge(small)


def quality_of(crop: Image, face_px: float = 112) -> Quality:
    """Quality with a frontal pose."""
    return assess(Crop(crop, face_px), Face((0, 0, 112, 112), ARCFACE_TEMPLATE, 1.0))


def measure_gallery(crops: list[Image], people: NDArray[np.int64], embed: Embedder) -> None:
    """Users with three photos of one size against everybody's photos of another."""
    show("\ngallery: strangers taken for one of 39 users, and own users found, at 0.35")
    sizes = (12, 16, 20, 24, 32, 48, 112)
    vectors = {px: embed([low_resolution(crop, px) for crop in crops]) for px in sizes}
    show("users px  probes px  strangers taken  own found")
    for users_px in sizes:
        enrolled = [np.flatnonzero(people == p)[:PHOTOS_PER_USER] for p in range(people.max() + 1)]
        means = np.stack([vectors[users_px][rows].mean(axis=0) for rows in enrolled])
        templates = means / np.linalg.norm(means, axis=1, keepdims=True)
        probes = np.setdiff1d(np.arange(len(crops)), np.concatenate(enrolled))
        for probes_px in (16, 24, 32, 112):
            similarity = vectors[probes_px][probes] @ templates.T
            own = similarity[np.arange(len(probes)), people[probes]].copy()
            similarity[np.arange(len(probes)), people[probes]] = -1
            taken = (similarity.max(axis=1) > SIMILARITY_THRESHOLD).mean()
            found = (own > SIMILARITY_THRESHOLD).mean()
            show(f"{users_px:8} {probes_px:10} {taken:16.1%} {found:10.1%}")


def measure_detail(crops: list[Image], sharp: Vectors, embed: Embedder) -> None:
    """Sharp and blurred faces of several sizes: what does the measure say, is it useful?"""
    show("\ndetail: face_px, blur (sigma, px of the source)")
    show("face_px  blur  detail p1   p50   p99  sharpness p50  genuine  too_blurry")
    for face_px, blurs in {
        12: (0.0,),
        16: (0.0,),
        24: (0.0, 0.5, 1.0),
        32: (0.0, 0.5, 0.8, 1.2),
        48: (0.0, 0.8, 1.2, 2.0),
        64: (0.0, 1.2, 2.0, 3.0),
        112: (0.0, 2.0, 3.0, 5.0),
    }.items():
        for blur in blurs:
            made = [low_resolution(crop, face_px, blur) for crop in crops]
            found = [quality_of(crop, face_px) for crop in made]
            low, middle, high = np.percentile([q.detail_px for q in found], [1, 50, 99])
            sharpness = np.median([q.sharpness for q in found])
            genuine = (embed(made) * sharp).sum(axis=1).mean()
            refused = np.mean([rejection(q) == "too_blurry" for q in found])
            show(
                f"{face_px:7} {blur:5} {low:10.1f} {middle:5.1f} {high:5.1f} {sharpness:14.2f}"
                f" {genuine:8.3f} {refused:11.1%}"
            )


def measure_light(crops: list[Image], sharp: Vectors, embed: Embedder) -> None:
    """Under- and over-exposed, with the noise of a sensor."""
    noise = np.random.default_rng(0).normal(0, 1.5, crops[0].shape)
    show("\nlight: exposure, brightness p5 p50 p95, genuine, refused")
    for exposure in (0.04, 0.06, 0.1, 0.15, 0.2, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 8.0):
        made = [np.clip(crop * exposure + noise, 0, 255).astype(np.uint8) for crop in crops]
        found = [quality_of(crop) for crop in made]
        spread = np.percentile([q.brightness for q in found], [5, 50, 95])
        genuine = (embed(made) * sharp).sum(axis=1).mean()
        refused = np.mean([rejection(q) in {"too_dark", "too_bright"} for q in found])
        low, middle, high = spread
        show(f"{exposure:8} {low:6.2f} {middle:6.2f} {high:6.2f} {genuine:8.3f} {refused:8.1%}")


def measure_pose(detector: Detector, embed: Embedder) -> None:
    """Crops of val and train by the angle that their landmarks tell."""
    val, val_people = read_images("faces/val")
    train, train_people = read_images("faces/train", step=2)
    crops, people = val + train, np.concatenate([val_people, train_people + val_people.max() + 1])
    vectors = embed(crops)
    genuine = np.full(len(crops), np.nan)
    yaw, pitch = genuine.copy(), genuine.copy()
    for row, crop in enumerate(crops):
        others = np.setdiff1d(np.flatnonzero(people == people[row]), [row])
        median = np.median(vectors[others] @ vectors[row])
        genuine[row] = median if median > LIKELY_MISLABELLED else np.nan
        room = cv2.copyMakeBorder(crop, 28, 28, 28, 28, cv2.BORDER_REPLICATE)
        faces = detector.detect(np.asarray(room, dtype=np.uint8), detector.full_score)
        if faces:
            quality = assess(Crop(crop, 112), faces[0])
            yaw[row], pitch[row] = quality.yaw_deg, quality.pitch_deg
    for name, angles, edges in (
        ("yaw, either way", np.abs(yaw), (0, 10, 20, 30, 40, 50, 60, 90)),
        ("pitch, up positive", pitch, (-30, -20, -10, 0, 10, 20, 30, 90)),
    ):
        show(f"\npose: {name}; median of all {np.nanmedian(angles):.1f}")
        show("   degrees  crops  genuine  below 0.35")
        for low, high in itertools.pairwise(edges):
            own = genuine[(angles >= low) & (angles < high) & ~np.isnan(genuine)]
            if len(own):
                below = (own < SIMILARITY_THRESHOLD).mean()
                show(f"{low:4}..{high:4} {len(own):6} {own.mean():8.3f} {below:11.1%}")


def measure_borders(detector: Detector, embed: Embedder) -> None:
    """Photos cut so that a part of the crop lies outside: what should fill it?"""
    show("\nborder: side, part outside, fill, cosine to the whole crop")
    photos = read_images("photos")[0]
    faces = [
        max(find_faces(detector, photo).faces, key=lambda face: face.box[2] * face.box[3])
        for photo in photos
    ]
    crops = [align(photo, face.landmarks) for photo, face in zip(photos, faces, strict=True)]
    whole = embed([crop.pixels for crop in crops])
    cuts: dict[str, Callable[[Image, int], Image]] = {
        "top": lambda crop, px: crop[px:],
        "left": lambda crop, px: crop[:, px:],
        "bottom": lambda crop, px: crop[:-px],
    }
    for side, cut in cuts.items():
        for part in (0.1, 0.2, 0.3):
            px = round(112 * part)
            top, bottom, left = (px * (side == name) for name in ("top", "bottom", "left"))
            for name, fill in BORDERS.items():
                filled = [
                    cv2.copyMakeBorder(cut(crop.pixels, px), top, bottom, left, 0, fill)
                    for crop in crops
                ]
                pixels = [np.asarray(crop, dtype=np.uint8) for crop in filled]
                show(
                    f"{side:7} {part:4} {name:10} {(embed(pixels) * whole).sum(axis=1).mean():.3f}"
                )


def count_refused(detectors: dict[str, Detector]) -> None:
    """Whole photos of ordinary quality: how many would registration refuse?"""
    show("\nrefused: detector, photos, reasons")
    photos = read_images("photos")[0]
    for name, detector in detectors.items():
        reasons: Counter[str] = Counter()
        for photo in photos:
            faces = find_faces(detector, photo).faces
            face = max(faces, key=lambda face: face.box[2] * face.box[3])
            reason = rejection(assess(align(photo, face.landmarks), face))
            reasons[reason or "accepted"] += 1
        show(f"{name} {len(photos)} {dict(reasons)}")


def main() -> None:
    """All tables."""
    limit_threads()
    embed = Embedder()
    detectors = load_detectors()
    detector = detectors["yunet"]
    crops, people = read_images("faces/val")
    sharp = embed(crops)
    measure_gallery(crops, people, embed)
    measure_detail(crops, sharp, embed)
    measure_light(crops, sharp, embed)
    measure_borders(detector, embed)
    measure_pose(detector, embed)
    count_refused(detectors)


if __name__ == "__main__":
    main()
