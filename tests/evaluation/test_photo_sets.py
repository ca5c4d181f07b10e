"""Folders of people and pairs.txt, right and wrong."""

from pathlib import Path

import pytest

from app.errors import EvaluationError, PhotoFolderError
from app.evaluation.photo_sets import read_pairs, read_people

HEADER = "2 1"
GOOD = ["ann 1 2", "ann 1 bob 2", "bob\t1\t2", "bob 2 cy 1"]


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """ann and cy as in LFW, bob with names of his own; files are empty, nobody reads them here."""
    root = tmp_path / "people"
    for name in (
        "ann/ann_0001.jpg",
        "ann/ann_0002.jpg",
        "bob/x.png",
        "bob/y.jpg",
        "cy/cy_0001.jpg",
    ):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def pairs_file(folder: Path, lines: list[str]) -> Path:
    path = folder / "pairs.txt"
    path.write_text("\n".join(lines) + "\n\n", encoding="utf-8")
    return path


def test_photos_are_sorted_and_others_passed_over_when_a_tree_is_read(people: Path) -> None:
    (people / "ann" / "notes.txt").touch()
    (people / "ann" / ".hidden.jpg").touch()
    (people / "list.csv").touch()
    (people / "nobody").mkdir()
    photos = read_people(people)
    assert [(photo.person, photo.path.name) for photo in photos] == [
        ("ann", "ann_0001.jpg"),
        ("ann", "ann_0002.jpg"),
        ("bob", "x.png"),
        ("bob", "y.jpg"),
        ("cy", "cy_0001.jpg"),
    ]


def test_tree_is_refused_when_no_pair_can_be_made(tmp_path: Path) -> None:
    with pytest.raises(PhotoFolderError, match="does not exist"):
        read_people(tmp_path / "absent")
    with pytest.raises(PhotoFolderError, match="0 people"):
        read_people(tmp_path)
    for name in ("ann", "bob"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.jpg").touch()
    with pytest.raises(PhotoFolderError, match="two photos"):
        read_people(tmp_path)
    (tmp_path / "bob" / "1.jpg").unlink()
    with pytest.raises(PhotoFolderError, match="1 people"):
        read_people(tmp_path)


def test_both_line_formats_are_read_when_separated_by_tabs_or_spaces(people: Path) -> None:
    pairs = read_pairs(pairs_file(people, [HEADER, *GOOD]), people)
    found = [
        (pair.first.path.name, pair.second.path.name, pair.genuine, pair.fold) for pair in pairs
    ]
    assert found == [
        ("ann_0001.jpg", "ann_0002.jpg", True, 0),
        ("ann_0001.jpg", "y.jpg", False, 0),
        ("x.png", "y.jpg", True, 1),
        ("y.jpg", "cy_0001.jpg", False, 1),
    ]


@pytest.mark.parametrize("header", ["", "10", "ten 300", "2 1 1", "1 1", "2 0", "-2 1", "ann 1 2"])
def test_header_is_refused_when_malformed(people: Path, header: str) -> None:
    with pytest.raises(EvaluationError, match="line 1"):
        read_pairs(pairs_file(people, [header, *GOOD]), people)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("ann 1", "expected"),
        ("ann 1 2 3 4", "expected"),
        ("", "expected"),
        ("ann one 2", "'one'"),
        ("ann 0 2", "'0'"),
        ("ann -1 2", "'-1'"),
        ("ann 1 1", "itself"),
        ("ann 1 3", "no photo 3"),
        ("bob 1 3", "no photo 3"),
        ("ann 1 ann 2", "twice"),
        ("dan 1 2", "no folder for 'dan'"),
        ("../people/ann 1 2", "no folder"),
        (".. 1 2", "no folder"),
        ("\t1\t2", "no folder"),
    ],
)
def test_line_is_refused_with_its_number_when_malformed(
    people: Path, line: str, reason: str
) -> None:
    with pytest.raises(EvaluationError, match="line 4") as caught:
        read_pairs(pairs_file(people, [HEADER, *GOOD[:2], line, GOOD[3]]), people)
    assert reason in caught.value.detail


def test_list_is_refused_when_lines_are_missing_or_kinds_are_uneven(people: Path) -> None:
    with pytest.raises(EvaluationError, match="4 lines, but has 3"):
        read_pairs(pairs_file(people, [HEADER, *GOOD[:3]]), people)
    with pytest.raises(EvaluationError, match="fold 1 has 2 pairs of one person"):
        read_pairs(pairs_file(people, [HEADER, GOOD[0], *GOOD[:3]]), people)


def test_list_is_refused_when_it_is_no_text(people: Path) -> None:
    with pytest.raises(EvaluationError, match="cannot be read"):
        read_pairs(people / "absent.txt", people)
    (people / "pairs.bin").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(EvaluationError, match="cannot be read"):
        read_pairs(people / "pairs.bin", people)
    with pytest.raises(EvaluationError, match="line 1"):
        read_pairs(pairs_file(people, []), people)
