"""docs/security.md: each row has its defence and its test, and every test that it names exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "tests" / "front_door"
PAGE = ROOT / "docs" / "security.md"
# Rows without a test, each for the reason that stands in it.
UNTESTED = {"A log, or the database, put back to what it was earlier"}


def rows(columns):
    """The rows of all tables that have these columns."""
    found, inside = [], False
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else None
        if cells is None:
            inside = False
        elif cells == columns:
            inside = True
        elif inside and not set(line) <= set("|-"):
            assert len(cells) == len(columns) and all(cells), line
            found.append(cells)
    return found


ROWS = rows(["threat", "defence", "test"])


def named(cell):
    """The tests that a cell names."""
    return re.findall(r"`((?:[\w./-]+)\.(?:py|rs)(?:::\w+)?)`", cell)


def defect(name):
    """What is wrong with the name of a test, if anything is."""
    file, _, test = name.partition("::")
    path = HERE / file if "/" not in file else ROOT / file
    if not path.is_file():
        return f"{file} is not there"
    text = path.read_text()
    is_test = re.search(r"^(async )?def test_|#\[(tokio::)?test|proptest!|^pub fn \w+\(data: &\[u8\]\)|^def pytest_|assert_discreet", text, re.M)
    if not is_test:
        return f"{file} tests nothing"
    if test and not re.search(rf"^def {test}\(", text, re.M):
        return f"{file} has no {test}"
    return None


def test_the_page_is_read():
    assert len(ROWS) > 40
    assert defect("test_security_page.py::test_the_page_is_read") is None
    for wrong in ("test_nowhere.py", "test_security_page.py::test_of_nothing", "crates/nowhere.rs", "crates/server/src/lib.rs"):
        assert defect(wrong), wrong


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:60])
def test_every_row_names_tests_that_exist(row):
    threat, _, test = row
    if test == "-":
        assert threat in UNTESTED
        return
    assert named(test), f"names no test: {test}"
    assert not [wrong for wrong in map(defect, named(test)) if wrong]


def test_what_is_not_defended_says_why():
    assert all(len(why) > 20 for _, why in rows(["threat", "why"])) and rows(["threat", "why"])
