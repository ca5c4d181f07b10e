"""Photos of people on disk, as evaluation reads them: a folder per person, and LFW's pairs.txt."""

from dataclasses import dataclass
from pathlib import Path

from app.errors import EvaluationError, PhotoFolderError
from app.vision.photo_file import is_photo

_SUFFIXES = frozenset(
    [
        ".jpg",
        ".jpeg",
        ".png",
        ".webp",
        ".heic",
        ".heif",
        ".hif",
        ".avif",
        ".tif",
        ".tiff",
        ".jp2",
        ".j2k",
        ".bmp",
        ".gif",
    ]
)
# Of macOS, Synology, QNAP and Windows.
_LEFT_ALONE_STARTS = (".", "@", "#", "$RECYCLE")
_LEFT_ALONE = frozenset(["__MACOSX", "lost+found", "Thumbs.db"])
_GENUINE_FIELDS = 3
_IMPOSTOR_FIELDS = 4
_FEWEST_FOLDS = 2


@dataclass(frozen=True, slots=True)
class PersonPhoto:
    """One file, and who is on it (the name of its folder)."""

    path: Path
    person: str


@dataclass(frozen=True, slots=True)
class Pair:
    """Two photos to be compared: `first` stays sharp (gallery side), `second` is the probe."""

    first: PersonPhoto
    second: PersonPhoto
    fold: int

    @property
    def genuine(self) -> bool:
        """Whether both are of one person."""
        return self.first.person == self.second.person


def read_people(root: Path) -> list[PersonPhoto]:
    """Reads a tree with one folder per person, by name.

    Other files than photos, hidden files and people without photos are skipped.

    Args:
        root: `root/<person>/<photo>.jpg` (or png, heic and so on).

    Raises:
        PhotoFolderError: Fewer than two people, or nobody with two photos.
    """
    if not root.is_dir():
        raise PhotoFolderError(f"The folder {root} does not exist.")
    photos = [
        PersonPhoto(path, folder.name) for folder in people_in(root) for path in photos_in(folder)
    ]
    people = {photo.person for photo in photos}
    if len(people) < 2:  # noqa: PLR2004 - an impostor pair takes two people
        deeper = people_below(root)
        hint = f" Did you mean {deeper}?" if deeper is not None and not people else ""
        raise PhotoFolderError(
            f"{root} has photos of {len(people)} people in their own folders; at least 2 are "
            f"needed. Expected: one folder per person with that person's photos.{hint}"
        )
    if len(photos) == len(people):
        raise PhotoFolderError(f"Nobody in {root} has two photos; at least two people must.")
    return photos


def read_pairs(file: Path, root: Path) -> list[Pair]:
    """Reads LFW's `pairs.txt`.

    The first line holds the number of folds and of pairs of each kind per fold ("10 300"). Then,
    fold after fold, `name i j` is two photos of one person and `name1 i name2 j` one photo each of
    two people. Fields are separated by tabs or, where there is none in the line, by spaces.

    Photo i of a person is `root/name/name_000i.*`, as in LFW; in a folder where no file is named
    so, it is the i-th file by name, counted from 1.

    Args:
        file: The list.
        root: The folder of people.

    Raises:
        EvaluationError: The first line that cannot be used, with its number and what is wrong.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise EvaluationError(f"{file} cannot be read as text: {error}") from error
    while lines and not lines[-1].strip():
        lines.pop()
    folds, per_kind = _read_header(file, lines)
    if len(lines) - 1 != folds * per_kind * 2:
        raise EvaluationError(
            f"{file.name} announces {folds} folds of {per_kind} + {per_kind} pairs, which is "
            f"{folds * per_kind * 2} lines, but has {len(lines) - 1}."
        )
    finder = _PhotoFinder(root)
    pairs = []
    for number, line in enumerate(lines[1:], start=2):
        fold = (number - 2) // (2 * per_kind)
        try:
            pairs.append(_read_pair(line, fold, finder))
        except EvaluationError as error:
            raise EvaluationError(f"{file.name}, line {number}: {error.detail}") from error
    for fold in range(folds):
        genuine = sum(pair.genuine for pair in pairs if pair.fold == fold)
        if genuine != per_kind:
            raise EvaluationError(
                f"{file.name}: fold {fold + 1} has {genuine} pairs of one person, not {per_kind}."
            )
    return pairs


def photos_in(folder: Path) -> list[Path]:
    """The photos right in a folder, by name; see may_be_photo."""
    return [path for path in sorted(folder.iterdir()) if path.is_file() and may_be_photo(path)]


def folders_below(folder: Path) -> list[Path]:
    """All folders in a folder, and in those; hidden ones and a system's own are left alone."""
    found = []
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink() and not is_left_alone(path):
            found += [path, *folders_below(path)]
    return found


def people_below(root: Path) -> Path | None:
    """A folder below another one that has a folder with photos for each person, if there is any.

    Whoever names a folder one level too high means it.
    """
    return next((each for each in folders_below(root) if people_in(each)), None)


def people_in(folder: Path) -> list[Path]:
    """The folders right in a folder that have photos right in them, by name."""
    return [
        path
        for path in sorted(folder.iterdir())
        if path.is_dir() and not is_left_alone(path) and photos_in(path)
    ]


def is_left_alone(path: Path) -> bool:
    """Whether a file or folder is hidden, or a system's own, such as previews on a NAS."""
    return path.name.startswith(_LEFT_ALONE_STARTS) or path.name in _LEFT_ALONE


def may_be_photo(path: Path) -> bool:
    """Whether a file is a photo by its content, or should be one by its name.

    One that should be and is damaged is to be told of, not passed over.
    """
    return not is_left_alone(path) and (path.suffix.lower() in _SUFFIXES or is_photo(path))


def _read_header(file: Path, lines: list[str]) -> tuple[int, int]:
    fields = lines[0].split() if lines else []
    if len(fields) != 2 or not all(field.isdecimal() for field in fields):  # noqa: PLR2004 - as told
        raise EvaluationError(
            f'{file.name}, line 1: expected the numbers of folds and of pairs, like "10 300".'
        )
    folds, per_kind = int(fields[0]), int(fields[1])
    if folds < _FEWEST_FOLDS or per_kind < 1:
        raise EvaluationError(
            f"{file.name}, line 1: {folds} folds of {per_kind} pairs; the threshold of a fold is "
            f"chosen on the others, so at least {_FEWEST_FOLDS} folds and 1 pair are needed."
        )
    return folds, per_kind


def _read_pair(line: str, fold: int, finder: "_PhotoFinder") -> Pair:
    fields = [field.strip() for field in (line.split("\t") if "\t" in line else line.split())]
    if len(fields) == _GENUINE_FIELDS:
        name, i, j = fields
        other = name
    elif len(fields) == _IMPOSTOR_FIELDS:
        name, i, other, j = fields
        if name == other:
            raise EvaluationError(f"a pair of two people names {name!r} twice.")
    else:
        raise EvaluationError(f'expected "name i j" or "name1 i name2 j", found {line!r}.')
    pair = Pair(finder.photo(name, i), finder.photo(other, j), fold)
    if pair.first == pair.second:
        raise EvaluationError("a photo is compared with itself.")
    return pair


class _PhotoFinder:
    """Finds photo i of a person; every folder is listed once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._listed: dict[str, list[Path]] = {}

    def photo(self, name: str, number: str) -> PersonPhoto:
        if not number.isdecimal() or int(number) < 1:
            raise EvaluationError(f"the photo's number is {number!r}, not 1 or more.")
        index = int(number)
        paths = self._photos_of(name)
        numbered = [path for path in paths if path.stem.startswith(f"{name}_")]
        if numbered:
            wanted = f"{name}_{index:04d}"
            matching = [path for path in numbered if path.stem == wanted]
        else:
            matching = paths[index - 1 : index]
        if not matching:
            raise EvaluationError(f"{name!r} has no photo {index} (there are {len(paths)}).")
        return PersonPhoto(matching[0], name)

    def _photos_of(self, name: str) -> list[Path]:
        if name not in self._listed:
            folder = self._root / name
            # The list may come from elsewhere: a name must not lead out of the root.
            if name in {"", ".", ".."} or Path(name).name != name or not folder.is_dir():
                raise EvaluationError(f"there is no folder for {name!r}.")
            self._listed[name] = photos_in(folder)
        return self._listed[name]
