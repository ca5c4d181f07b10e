"""The pictures that `benchmarks.detection` sends, a part for each thing that can go wrong."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.faceless import KINDS, make_faceless, painted_over
from benchmarks.scenes import (
    WHOLE,
    Picture,
    Size,
    make_noisy,
    make_portrait,
    make_scene,
    make_turned,
)
from benchmarks.subjects import ENROLLED_PHOTOS, Subject

_VGA: Size = (640, 480)
_4K: Size = (3840, 2160)
_PICTURES: tuple[Size, ...] = ((1280, 720), (1920, 1080), _4K, (4000, 3000), (6000, 4000))
_SCENE_FACES_PX = (16, 24, 32)
_SCENE_FACES = 16
_LONE_FACES_PX = (12, 16, 24, 32, 48)
_QUARTERS = range(4)
_SIGMAS = (0, 40)
_HEIGHTS_PX = (480, 640, 1280, 2000, 3088, 4000)
_SHARES = (0.5, 0.65, 0.8, 0.95)
_PORTRAIT_ROOM = 1.7


@dataclass(frozen=True, slots=True)
class Case:
    """Pictures of one kind.

    Attributes:
        name: As the table calls it.
        pictures: What is sent.
        min_face_px: What is asked for; None for the service's default.
    """

    name: str
    pictures: list[Picture]
    min_face_px: int | None = None


def scenes(subjects: Sequence[Subject], rounds: int) -> Iterator[Case]:
    """Sixteen small faces in a large picture, with and without a big face beside them."""
    plain = _with_room([subject for subject in subjects if subject.is_plain], WHOLE)
    for size in _PICTURES:
        for face_px in _SCENE_FACES_PX:
            for big in (False, True):
                pictures = [
                    make_scene(seed, size, plain, face_px, _SCENE_FACES, big=big)
                    for seed in range(2 * rounds)
                ]
                name = f"{_named(size)}, {face_px} px{' + big' if big else ''}"
                yield Case(name, pictures)
                if size == _4K and face_px == min(_SCENE_FACES_PX):
                    yield Case(f"{name}, asked for", pictures, min_face_px=face_px)


def lone(subjects: Sequence[Subject], rounds: int) -> Iterator[Case]:
    """One face in a picture of 640x480."""
    plain = _with_room([subject for subject in subjects if subject.is_plain], WHOLE)
    for face_px in _LONE_FACES_PX:
        pictures = [
            make_scene(number, _VGA, [subject], face_px, 1, big=False)
            for number, subject in enumerate(plain * rounds)
        ]
        yield Case(f"{face_px} px", pictures)


def turned(subjects: Sequence[Subject], _rounds: int) -> Iterator[Case]:
    """Photos of people who are registered, turned without a note in the file."""
    for quarters in _QUARTERS:
        pictures = [make_turned(subject, quarters) for subject in _probes(subjects)]
        yield Case(f"{90 * quarters} degrees", pictures)


def noise(subjects: Sequence[Subject], _rounds: int) -> Iterator[Case]:
    """Photos of people who are registered, as a poor sensor sees them in the dark."""
    for sigma in _SIGMAS:
        probes = enumerate(_probes(subjects))
        yield Case(f"sigma {sigma}", [make_noisy(subject, sigma, n) for n, subject in probes])


def portraits(subjects: Sequence[Subject], _rounds: int) -> Iterator[Case]:
    """Faces of people who are registered that fill the picture."""
    large = _with_room(_probes(subjects), _PORTRAIT_ROOM)
    for height_px in _HEIGHTS_PX:
        for share in _SHARES:
            pictures = [make_portrait(subject, height_px, share) for subject in large]
            yield Case(f"{height_px} px high, face {share:.0%} of it", pictures)


def faceless(subjects: Sequence[Subject], rounds: int) -> Iterator[Case]:
    """Pictures in which there is nobody."""
    photos = [painted_over(subject) for subject in subjects if subject.is_alone]
    for size in (_VGA, *_PICTURES):
        for kind in ("painted over", *KINDS):
            made = [make_faceless(kind, seed, size, photos) for seed in range(2 * rounds)]
            yield Case(f"{_named(size)}, {kind}", [Picture(pixels, []) for pixels in made])


PARTS: dict[str, Callable[[Sequence[Subject], int], Iterator[Case]]] = {
    part.__name__: part for part in (scenes, lone, turned, noise, portraits, faceless)
}
"""By name; each takes all subjects, and the number of random draws."""


def _named(size: Size) -> str:
    return f"{size[0]}x{size[1]}"


def _with_room(subjects: Sequence[Subject], times: float) -> list[Subject]:
    return [subject for subject in subjects if subject.has_around(times)]


def _probes(subjects: Sequence[Subject]) -> list[Subject]:
    return [subject for subject in subjects if subject.number >= ENROLLED_PHOTOS]
