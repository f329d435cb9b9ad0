"""Workbooks in Office Open XML (ECMA-376, transitional): values only, nothing that computes, links or runs.

A text is written as text whatever it begins with. Those that a spreadsheet would take for a formula when they are typed
in or pasted (``=``, ``+``, ``-``, ``@`` first) also carry the mark that keeps them texts when somebody edits the cell.
"""

from __future__ import annotations

import io
import math
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from monitoring.filters import inert

Cell = str | int | float | bool | None

#: limits of the format: rows of a sheet, characters of a cell
MOST_ROWS = 1_048_576
LONGEST_TEXT = 32_767
#: whole numbers beyond this are not exact as the doubles that a spreadsheet holds
_EXACT = 2**53
_MOMENT = (1980, 1, 1, 0, 0, 0)
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_CONTENT = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
#: cell formats, by their place in `styles.xml`
_PLAIN, _HEADING, _QUOTED = 0, 1, 2
_DANGEROUS = tuple("=+-@＝＋－＠")
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
#: what a reader would turn back into a character
_ESCAPE = re.compile("_(?=x[0-9A-Fa-f]{4}_)")


@dataclass(frozen=True)
class Sheet:
    r"""One sheet: a row of headings, then rows of values.

    Attributes
    ----------
    name
        At most 31 characters, without any of ``[]:*?/\``.
    """

    name: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[Cell]]


def workbook_bytes(sheets: Sequence[Sheet]) -> bytes:
    """Write sheets as one workbook; the same sheets give the same bytes.

    Numbers that are not finite become the texts ``NaN``, ``inf`` and ``-inf``. Invisible characters of texts are shown
    by their code points (see `monitoring.filters.inert`).

    Raises
    ------
    ValueError
        If a sheet's name cannot be used, names repeat, a row has another length than the headings, or there are more
        rows than a sheet can hold.
    """
    _refuse(sheets)
    parts = {
        "[Content_Types].xml": _content_types(len(sheets)),
        "_rels/.rels": _relations([("officeDocument", "xl/workbook.xml")]),
        "xl/workbook.xml": _workbook(sheets),
        "xl/_rels/workbook.xml.rels": _relations(
            [
                *(("worksheet", f"worksheets/sheet{number}.xml") for number in range(1, len(sheets) + 1)),
                ("styles", "styles.xml"),
            ]
        ),
        "xl/styles.xml": _styles(),
    } | {f"xl/worksheets/sheet{number}.xml": _sheet(sheet) for number, sheet in enumerate(sheets, start=1)}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, text in parts.items():
            entry = zipfile.ZipInfo(name, _MOMENT)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, text.encode())
    return buffer.getvalue()


def _refuse(sheets: Sequence[Sheet]) -> None:
    names = [sheet.name.casefold() for sheet in sheets]
    for sheet in sheets:
        if not 0 < len(sheet.name) <= 31 or set(sheet.name) & set("[]:*?/\\") or names.count(sheet.name.casefold()) > 1:
            raise ValueError(f"a sheet cannot be called {sheet.name!r}")
        if len(sheet.rows) >= MOST_ROWS:
            raise ValueError(f"a sheet holds {MOST_ROWS - 1:,} rows below its headings; {sheet.name} has more")
        odd = next((row for row in sheet.rows if len(row) != len(sheet.columns)), None)
        if odd is not None:
            raise ValueError(f"{sheet.name} has {len(sheet.columns)} columns and a row of {len(odd)} cells")


def _sheet(sheet: Sheet) -> str:
    last = f"{_letters(len(sheet.columns))}{len(sheet.rows) + 1}"
    widths = "".join(
        f'<col min="{n}" max="{n}" width="{min(max(len(name) + 3, 11), 40)}" customWidth="1"/>'
        for n, name in enumerate(sheet.columns, start=1)
    )
    return "".join(
        [
            f'{_HEAD}<worksheet xmlns="{_MAIN}"><dimension ref="A1:{last}"/>',
            '<sheetViews><sheetView workbookViewId="0">',
            '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>',
            f"<cols>{widths}</cols><sheetData>",
            *_rows(sheet),
            f'</sheetData><autoFilter ref="A1:{last}"/></worksheet>',
        ]
    )


def _rows(sheet: Sheet) -> Iterator[str]:
    letters = [_letters(number) for number in range(1, len(sheet.columns) + 1)]
    for number, row in enumerate([sheet.columns, *sheet.rows], start=1):
        cells = (
            _cell(f"{letter}{number}", value, heading=number == 1) for letter, value in zip(letters, row, strict=True)
        )
        yield f'<row r="{number}">{"".join(cells)}</row>'


def _cell(place: str, value: Cell, *, heading: bool) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return f'<c r="{place}" t="b"><v>{int(value)}</v></c>'
    if isinstance(value, int | float) and math.isfinite(value) and abs(value) < _EXACT:
        return f'<c r="{place}"><v>{value!r}</v></c>'
    text = inert("NaN" if value != value else value)[:LONGEST_TEXT]  # noqa: PLR0124 - NaN alone is not itself
    style = _HEADING if heading else _QUOTED if text.startswith(_DANGEROUS) else _PLAIN
    look = f' s="{style}"' if style else ""
    return f'<c r="{place}"{look} t="inlineStr"><is><t xml:space="preserve">{_text(text)}</t></is></c>'


def _text(text: str) -> str:
    shown = _ESCAPE.sub("_x005F_", text)
    return escape(_ILLEGAL.sub(lambda found: f"_x{ord(found[0]):04X}_", shown))


def _letters(number: int) -> str:
    """Name a column: 1 is A, 27 is AA."""
    name = ""
    while number:
        number, rest = divmod(number - 1, 26)
        name = chr(ord("A") + rest) + name
    return name


def _content_types(sheets: int) -> str:
    parts = {"/xl/workbook.xml": "sheet.main", "/xl/styles.xml": "styles"}
    parts |= {f"/xl/worksheets/sheet{number}.xml": "worksheet" for number in range(1, sheets + 1)}
    overrides = "".join(
        f'<Override PartName="{part}" ContentType="{_CONTENT}.{kind}+xml"/>' for part, kind in parts.items()
    )
    return (
        f'{_HEAD}<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{overrides}</Types>'
    )


def _relations(targets: Iterable[tuple[str, str]]) -> str:
    related = "".join(
        f'<Relationship Id="rId{number}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(targets, start=1)
    )
    return f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">{related}</Relationships>'


def _workbook(sheets: Sequence[Sheet]) -> str:
    listed = "".join(
        f'<sheet name="{escape(sheet.name, {chr(34): "&quot;"})}" sheetId="{number}" r:id="rId{number}"/>'
        for number, sheet in enumerate(sheets, start=1)
    )
    return f'{_HEAD}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>{listed}</sheets></workbook>'


def _styles() -> str:
    font = '<font>{}<sz val="11"/><name val="Calibri"/></font>'
    formats = (
        'numFmtId="0" fontId="0"',
        'numFmtId="0" fontId="1" applyFont="1"',
        'numFmtId="0" fontId="0" quotePrefix="1"',
    )
    cells = "".join(f'<xf {one} fillId="0" borderId="0" xfId="0"/>' for one in formats)
    parts = (
        f'<styleSheet xmlns="{_MAIN}"><fonts count="2">{font.format("")}{font.format("<b/>")}</fonts>',
        '<fills count="2"><fill><patternFill patternType="none"/></fill>',
        '<fill><patternFill patternType="gray125"/></fill></fills>',
        '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>',
        '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>',
        f'<cellXfs count="{len(formats)}">{cells}</cellXfs>',
        '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>',
    )
    return _HEAD + "".join(parts)
