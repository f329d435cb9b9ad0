"""A pickle of plain lists of whole numbers, opened by an unpickler that admits nothing else."""

from __future__ import annotations

import io
import pickle  # opened only by the unpickler below, which knows no class and no function
from collections.abc import Sequence
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from schemas.errors import IntegrityError

#: what broken or hostile bytes can raise while they are read
_BROKEN = (pickle.UnpicklingError, ArithmeticError, AttributeError, EOFError, ImportError, LookupError, MemoryError,
           RecursionError, TypeError, ValueError)  # fmt: skip


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str, /) -> NoReturn:
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")

    def persistent_load(self, pid: object, /) -> NoReturn:
        raise pickle.UnpicklingError(f"it refers to something outside, {pid!r}")


def whole_number_lists(data: bytes, names: Sequence[str], *, file: str) -> dict[str, NDArray[np.int64]]:
    """Read a pickled mapping of lists of whole numbers.

    Raises
    ------
    IntegrityError
        If the bytes hold anything but a mapping of exactly these names to such lists.
    """
    try:
        content = _PlainUnpickler(io.BytesIO(data)).load()
    except _BROKEN as error:
        raise _refused(file, names, f"{type(error).__name__}: {error}") from error
    if type(content) is not dict or set(content) != set(names):
        raise _refused(file, names, type(content).__name__)
    for name in names:
        kinds = set(map(type, content[name])) if type(content[name]) is list else {type(content[name])}
        if kinds - {int}:
            raise _refused(file, names, f"{name} with {', '.join(sorted(kind.__name__ for kind in kinds))}")
    try:
        return {name: np.array(content[name], dtype=np.int64) for name in names}
    except OverflowError as error:
        raise _refused(file, names, "a number beyond 64 bits") from error


def _refused(file: str, names: Sequence[str], found: str) -> IntegrityError:
    return IntegrityError(
        f"{file} is not a pickle of plain lists and has not been opened.",
        expected=f"a mapping of {', '.join(names)} to lists of whole numbers",
        found=found,
        way_out="get the publisher's file again; nothing in it has been run",
    )
