"""A workbook holds the values as they are, nothing that computes, and the same bytes each time."""

from __future__ import annotations

import io
import math
import re
import zipfile
from xml.etree import ElementTree

import pytest

from tasks.xlsx import Sheet, workbook_bytes

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
HOSTILE = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "＝1+1",
    '=HYPERLINK("http://x")',
    "<script>alert(1)</script>",
    "a & b",
    "]]>",
]


def read(data: bytes) -> dict[str, list[list[object]]]:
    """Return the sheets as a reader of the format sees them; whatever is no plain value is refused."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        book = ElementTree.fromstring(archive.read("xl/workbook.xml"))
        names = [sheet.get("name") for sheet in book.iter(f"{MAIN}sheet")]
        return {
            name: _rows(ElementTree.fromstring(archive.read(f"xl/worksheets/sheet{number}.xml")))
            for number, name in enumerate(names, start=1)
        }


def _rows(sheet: ElementTree.Element) -> list[list[object]]:
    assert not {"f", "hyperlink", "oleObject"} & {element.tag.removeprefix(MAIN) for element in sheet.iter()}
    width = len(next(sheet.iter(f"{MAIN}row")))
    rows = []
    for row in sheet.iter(f"{MAIN}row"):
        cells: list[object] = [None] * width
        for cell in row:
            place = re.fullmatch("([A-Z]+)([0-9]+)", cell.get("r"))
            column = sum((ord(letter) - 64) * 26**power for power, letter in enumerate(reversed(place[1])))
            assert place[2] == row.get("r")
            cells[column - 1] = _value(cell)
        rows.append(cells)
    return rows


def _value(cell: ElementTree.Element) -> object:
    kind, text = cell.get("t", "n"), "".join(cell.itertext())
    return {"inlineStr": lambda: _unescaped(text), "b": lambda: text == "1", "n": lambda: float(text)}[kind]()


def _unescaped(text: str) -> str:
    return re.sub("_x([0-9A-F]{4})_", lambda found: chr(int(found[1], 16)), text)


def one(*values):
    return read(workbook_bytes([Sheet("Values", ("value",), [(value,) for value in values])]))["Values"]


def test_values_come_back_as_they_were():
    values = ["firm 00123", "NA", "1e5", "", " two  spaces ", "Müller & Söhne", 0, -3, 0.1, 1e-300, True, False, None]
    assert one(*values) == [["value"], *([value] for value in values)]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_text(text):
    assert one(text)[1] == [text]


def test_what_a_spreadsheet_would_take_for_a_formula_stays_text_when_it_is_edited():
    data = workbook_bytes([Sheet("Values", ("value",), [(text,) for text in [*HOSTILE[:5], "harmless"]])])
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        cells = list(ElementTree.fromstring(archive.read("xl/worksheets/sheet1.xml")).iter(f"{MAIN}c"))
        formats = list(ElementTree.fromstring(archive.read("xl/styles.xml")).find(f"{MAIN}cellXfs"))
    quoted = [formats[int(cell.get("s", 0))].get("quotePrefix") for cell in cells[1:]]
    assert quoted == ["1"] * 5 + [None]


def test_invisible_characters_are_shown():
    assert one("a\u202eb\x00\n")[1] == ["a⟨U+202E⟩b⟨U+0000⟩⟨U+000A⟩"]


def test_a_text_that_looks_like_an_escape_is_not_read_as_one():
    assert one("_x0041_", "_x005F_", "\uffff")[1:] == [["_x0041_"], ["_x005F_"], ["\uffff"]]


def test_numbers_that_are_none_are_named():
    assert one(math.nan, math.inf, -math.inf, 2**60)[1:] == [["NaN"], ["inf"], ["-inf"], [str(2**60)]]


def test_a_long_text_is_cut_to_what_a_cell_holds():
    assert len(one("x" * 40_000)[1][0]) == 32_767


def test_many_columns_have_their_letters():
    columns = tuple(f"c{n}" for n in range(60))
    found = read(workbook_bytes([Sheet("Wide", columns, [tuple(range(60))])]))["Wide"]
    assert found == [list(columns), [float(n) for n in range(60)]]


def test_the_same_sheets_give_the_same_bytes_and_every_part_is_declared():
    sheets = [Sheet("One", ("a",), [(1,)]), Sheet("Two & three", ("b",), [])]
    data = workbook_bytes(sheets)
    assert data == workbook_bytes(sheets)
    assert list(read(data)) == ["One", "Two & three"]
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        declared = set(re.findall('PartName="/([^"]+)"', archive.read("[Content_Types].xml").decode()))
        related = set(re.findall('Target="([^"]+)"', archive.read("xl/_rels/workbook.xml.rels").decode()))
        parts = {name for name in archive.namelist() if not name.endswith(".rels")} - {"[Content_Types].xml"}
    assert declared == parts
    assert {f"xl/{target}" for target in related} == parts - {"xl/workbook.xml"}


@pytest.mark.parametrize(
    ("sheets", "message"),
    [
        ([Sheet("a/b", ("a",), [])], "cannot be called 'a/b'"),
        ([Sheet("x" * 32, ("a",), [])], "cannot be called"),
        ([Sheet("A", ("a",), []), Sheet("a", ("a",), [])], "cannot be called"),
        ([Sheet("A", ("a",), [(1, 2)])], "1 columns and a row of 2 cells"),
        ([Sheet("A", ("a",), [(1,)] * 1_048_576)], "holds 1,048,575 rows"),
    ],
)
def test_what_the_format_cannot_hold_is_refused(sheets, message):
    with pytest.raises(ValueError, match=message):
        workbook_bytes(sheets)
