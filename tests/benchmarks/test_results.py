from pathlib import Path

from benchmarks.page import write_page
from benchmarks.results import Each, Results, Rounds, Row, Share, read_tables, table

ROWS = [
    Row(
        "16 px",
        {
            "base": {"found": Share(3, 48), "cosine": Each([0.5, None, 0.9]), "ms": 12.345},
            "here": {"found": Share(47, 48), "cosine": Each([0.6, 0.1, 0.7]), "ms": 2.0},
        },
    ),
    Row("24 px", {"base": {}, "here": {"times base": Rounds([2.0, 1.0, 3.0])}}),
]


def test_both_commits_share_a_cell_when_both_have_run() -> None:
    lines = table(ROWS).splitlines()
    assert lines[0] == "|  | found | cosine | ms | times base |"
    assert lines[2].startswith("| 16 px | 3/48 -> 47/48 |")
    assert "| 12.3 -> 2 |" in lines[2]


def test_mean_is_over_what_both_could_measure() -> None:
    assert "| 0.700 -> 0.650 |" in table(ROWS)


def test_cell_has_one_figure_when_one_commit_has_it() -> None:
    assert table(ROWS).splitlines()[-1] == "| 24 px |  |  |  | 2 (1..3) |"


def test_tables_read_the_same_when_they_come_from_a_file(tmp_path: Path) -> None:
    Results(tmp_path, "detection").add("Scenes", ROWS)
    assert read_tables(tmp_path / "detection.json") == {"Scenes": ROWS}


def test_page_shows_tables_plots_and_what_was_printed(tmp_path: Path) -> None:
    Results(tmp_path, "detection-yunet").add("Scenes", ROWS)
    (tmp_path / "detection-yunet.txt").write_text("not shown", encoding="utf-8")
    (tmp_path / "search.txt").write_text("100,000 users", encoding="utf-8")
    page = tmp_path / "benchmarks.md"
    titles = {"detection-yunet": "Found", "search": "Search", "peers": "Not measured"}
    write_page(page, tmp_path, titles)
    text = page.read_text(encoding="utf-8")
    assert f"## Found\n\n**Scenes**\n\n{table(ROWS)}" in text
    assert "```\n100,000 users\n```" in text
    assert "not shown" not in text
    assert "Not measured" not in text
    assert "](benchmarks-detection-yunet.png)" in text
    assert (tmp_path / "benchmarks-detection-yunet.png").read_bytes().startswith(b"\x89PNG")
