"""A folder of Parquet and CSV files."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from schemas.errors import DeliveryError, examples, nearest

_READABLE = (".parquet", ".csv")


class FolderReader:
    """Reads Parquet as typed and CSV as text only, so that ``00123``, ``NA`` and ``1e5`` survive."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise DeliveryError(
                f"The folder {folder} does not exist.",
                expected="a folder with the portfolio's files",
                found="nothing" if not folder.exists() else "a file",
                way_out="name the folder that holds the data with --data-dir or CREDITNET_DATA",
            )
        self._folder = folder

    @property
    def where(self) -> str:
        """Tell people where this source is."""
        return str(self._folder)

    def names(self) -> list[str]:
        """List all readable files, relative to the folder."""
        return sorted(
            path.relative_to(self._folder).as_posix()
            for path in self._folder.rglob("*")
            if path.suffix in _READABLE and path.is_file()
        )

    def read(self, name: str) -> pl.DataFrame:
        """Read one file."""
        path = self._folder / name
        if not path.is_file():
            names = self.names()
            twin = nearest(name, names)
            raise DeliveryError(
                f"The file {name} is missing in {self._folder}.",
                expected=name,
                found=examples(names),
                way_out=f"is it {twin}? Rename it or change the portfolio" if twin else "deliver the file",
            )
        try:
            if path.suffix == ".csv":
                # Quotes within a quoted heading stay doubled in polars, those within a value do not.
                return pl.read_csv(path, infer_schema=False).rename(lambda column: column.replace('""', '"'))
            return pl.read_parquet(path, hive_partitioning=False)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise DeliveryError(
                f"The file {name} in {self._folder} cannot be read.",
                expected="a Parquet file, or a CSV file in UTF-8 with a header line",
                found=str(error).splitlines()[0],
                way_out="deliver the file again",
            ) from error
