"""What `register --from-dir` is going to do: who, with which photos, and what is left out."""

import hashlib
import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from app.commands.enrolment import NewPerson
from app.commands.people_list import FILE_NAME, ListedPerson, read_people_list
from app.errors import PhotoFolderError
from app.evaluation.photo_sets import folders_below, is_left_alone, people_below, photos_in
from app.gallery.user_fields import (
    MAX_DISPLAY_NAME_CHARS,
    MAX_USER_ID_CHARS,
    user_id_trouble,
)

_HASH_CHARS = 8
_LEFT_ALONE = "hidden, or a system's own"


@dataclass(frozen=True, slots=True)
class PersonFolder:
    """Somebody, and the photos of them."""

    person: NewPerson
    folder: Path
    photos: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class RefusedPerson:
    """Somebody who is not registered, and why."""

    user_id: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file or folder that is not looked at, and why."""

    path: str
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of a folder.

    Attributes:
        root: The folder.
        people: In the order of their folders.
        refused: Who cannot be registered, whatever a service says.
        skipped: By path.
    """

    root: Path
    people: list[PersonFolder] = field(default_factory=list)
    refused: list[RefusedPerson] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)


def read_plan(root: Path, groups: Sequence[str] = (), *, recursive: bool) -> Plan:
    """Reads a folder with a folder for each person, and `people.csv` where there is one.

    Args:
        root: The folder.
        groups: That everybody is to be in.
        recursive: Photos in folders below a person's are this person's too.

    Raises:
        PhotoFolderError: It has another shape; the sentence says which one was probably meant.
        PeopleListError: See read_people_list.
    """
    plan = Plan(root)
    people_list = root / FILE_NAME
    listed = {of.folder: of for of in read_people_list(people_list)} if people_list.exists() else {}
    above = {parent for folder in listed for parent in folder.parents}
    folders = dict.fromkeys(listed)
    for path in sorted(root.iterdir()):
        if path.is_dir() and not is_left_alone(path):
            if path not in above:
                folders[path] = None
        elif path != people_list:
            plan.skipped.append(_skipped(path, root, "not in the folder of a person"))
    for folder in sorted(folders):
        person = replace(_person(folder, listed.get(folder)), groups=tuple(groups))
        _plan_person(plan, person, folder, listed, recursive=recursive)
    if not plan.people:
        raise _wrong_shape(root)
    return plan


def user_of(folder_name: str) -> NewPerson:
    """Who is meant by a folder's name: the `user_id`, or a name from which one is derived.

    The same name gives the same id on every machine. Where letters are lost in it, a hash keeps
    two names apart.
    """
    name = unicodedata.normalize("NFC", folder_name)
    if user_id_trouble(name) is None:
        return NewPerson(name)
    plain = unicodedata.normalize("NFKD", name)
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    loses = any(char.isalnum() and not char.isascii() for char in plain)
    user_id = re.sub(r"[^A-Za-z0-9._@-]+", "-", plain).strip("-._@")
    if loses or not user_id or len(user_id) > MAX_USER_ID_CHARS:
        digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:_HASH_CHARS]
        start = user_id[: MAX_USER_ID_CHARS - _HASH_CHARS - 1].rstrip("-._@")
        user_id = f"{start}-{digest}" if start else f"user-{digest}"
    shown = "".join(char for char in name if char.isprintable())[:MAX_DISPLAY_NAME_CHARS].strip()
    return NewPerson(user_id, shown or None)


def _plan_person(
    plan: Plan,
    person: NewPerson,
    folder: Path,
    listed: Collection[Path],
    *,
    recursive: bool,
) -> None:
    deeper = [below for below in folders_below(folder) if below not in listed]
    taken = [folder, *deeper] if recursive else [folder]
    photos = tuple(photo for each in taken for photo in photos_in(each))
    for each in taken:
        for path in sorted(each.iterdir()):
            if path not in photos and (not path.is_dir() or is_left_alone(path)):
                plan.skipped.append(_skipped(path, plan.root, "no photo"))
    if not recursive:
        with_photos = [below for below in deeper if photos_in(below)]
        told = "a folder in a person's folder: --recursive takes its photos"
        plan.skipped.extend(Skipped(_name(path, plan.root), told) for path in with_photos)
    folders_by_id = {each.person.user_id: each.folder for each in plan.people}
    if (trouble := user_id_trouble(person.user_id)) is not None:
        plan.refused.append(RefusedPerson(person.user_id, "invalid_request", trouble))
    elif (other := folders_by_id.get(person.user_id)) is not None:
        told = (
            f"{folder.name!r} gives the same user_id as {other.name!r}: tell them in {FILE_NAME}."
        )
        plan.refused.append(RefusedPerson(person.user_id, "user_exists", told))
    elif not photos:
        told = f"The folder {folder.name!r} has no photos right in it."
        plan.refused.append(RefusedPerson(person.user_id, "no_photos", told))
    else:
        plan.people.append(PersonFolder(person, folder, photos))


def _person(folder: Path, listed: ListedPerson | None) -> NewPerson:
    derived = user_of(folder.name)
    if listed is None:
        return derived
    return NewPerson(
        listed.user_id or derived.user_id,
        listed.display_name or derived.display_name,
        listed.metadata or None,
    )


def _wrong_shape(root: Path) -> PhotoFolderError:
    """Which shape it has, and what to do."""
    if photos_in(root):
        return PhotoFolderError(
            f"{root} has photos right in it; --from-dir takes a folder with a folder for each "
            f"person. If they all show one person: --user-id NAME --photos {root}"
        )
    deeper = people_below(root)
    if deeper is not None:
        return PhotoFolderError(
            f"The folders in {root} have no photos right in them, but those in {deeper} have. Did "
            f"you mean --from-dir {deeper}?"
        )
    return PhotoFolderError(
        f"{root} has no photos; --from-dir takes a folder with a folder for each person."
    )


def _skipped(path: Path, root: Path, otherwise: str) -> Skipped:
    return Skipped(_name(path, root), _LEFT_ALONE if is_left_alone(path) else otherwise)


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()
