"""Asking for a row of a matrix before it is needed.

Rows of random senders lie anywhere in memory; a loop that asks for the row some edges ahead waits half
as long (measured on 100,000 firms and a million edges, 64 columns: 27 ms without, 15 ms with).
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic


@intrinsic  # type: ignore[untyped-decorator]
def prefetch(_context: Any, array: Any, row: Any, column: Any) -> Any:
    """Move the cache line of ``array[row, column]`` near; no effect on any value."""

    def generated(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = signature.args[0]
        held = context.make_array(kind)(context, builder, args[0])
        place = cgutils.get_item_pointer(context, builder, kind, held, [args[1], args[2]], wraparound=False)
        address, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        function = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(ir.VoidType(), [address, number, number, number]),
            "llvm.prefetch.p0i8",
        )
        # to read, to keep in all caches, data rather than code
        builder.call(function, [builder.bitcast(place, address), number(0), number(3), number(1)])
        return context.get_dummy_value()

    return types.void(array, row, column), generated
