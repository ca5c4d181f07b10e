"""`people.csv` beside the folders of people: ids, names and metadata."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from app.errors import PeopleListError
from farsight_client import Metadata

FILE_NAME = "people.csv"

_FOLDER, _USER_ID, _NAME = "folder", "user_id", "display_name"
_DELIMITERS = ",;\t"


@dataclass(frozen=True, slots=True)
class ListedPerson:
    """A line of the list.

    Attributes:
        folder: Of photos, below the list's own.
        user_id: None: derived from the folder's name.
        display_name: For people; None: likewise.
        metadata: The further columns.
    """

    folder: Path
    user_id: str | None
    display_name: str | None
    metadata: Metadata


def read_people_list(file: Path) -> list[ListedPerson]:
    """Reads a list: a head line, then a line per person, between commas, semicolons or tabs.

    Columns are `folder` (by default the `user_id`), `user_id` and `display_name`; any other one is
    metadata of this name.

    Raises:
        PeopleListError: The first line that cannot be used, and why.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise PeopleListError(f"{file} cannot be read as UTF-8 text: {error}") from error
    head = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=head.count)
    reader = csv.DictReader(text.splitlines(), delimiter=delimiter, restkey="")
    columns = reader.fieldnames or []
    if not {_FOLDER, _USER_ID} & set(columns):
        raise PeopleListError(
            f"{file} needs a head line with {_FOLDER}, {_USER_ID} or both; {_NAME} and columns of "
            "your own may follow."
        )
    if len(set(columns)) < len(columns):
        raise PeopleListError(f"{file} has two columns of one name.")
    listed: list[ListedPerson] = []
    for row in reader:
        try:
            listed.append(_person(row, file.parent))
        except PeopleListError as error:
            raise PeopleListError(f"{file.name}, line {reader.line_num}: {error.detail}") from error
    _refuse_twins(listed, file)
    return listed


def _person(row: dict[str, str], root: Path) -> ListedPerson:
    if "" in row:
        raise PeopleListError("there are more fields than columns.")
    given = {column: value.strip() for column, value in row.items() if value and value.strip()}
    folder = given.pop(_FOLDER, None) or given.get(_USER_ID)
    if folder is None:
        raise PeopleListError(f"neither {_FOLDER} nor {_USER_ID} is told.")
    inside = PurePosixPath(folder)
    if inside.is_absolute() or ".." in inside.parts or not (root / inside).is_dir():
        raise PeopleListError(f"there is no folder {folder!r} in {root}.")
    user_id, display_name = given.pop(_USER_ID, None), given.pop(_NAME, None)
    return ListedPerson(root / inside, user_id, display_name, dict(given))


def _refuse_twins(listed: Sequence[ListedPerson], file: Path) -> None:
    for what in ("folder", "user_id"):
        values = [getattr(person, what) for person in listed]
        values = [value for value in values if value is not None]
        twice = sorted({str(value) for value in values if values.count(value) > 1})
        if twice:
            raise PeopleListError(f"{file.name} has two lines with the {what} {twice[0]}.")
