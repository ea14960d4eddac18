"""The NumPy file: two functions that work on blocks of rows."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import ClassVar

from derive.emit.blocks import BlockWriter, Traffic
from derive.emit.files import FileWriter, Plans
from derive.emit.printer import Library

__all__ = ["NumpyFile"]

BLOCKS = '''\
def _blocks(array):
    """Slices of rows, of at most BLOCK bytes or one row each."""
    rows = max(1, BLOCK // max(1, array[:1].nbytes))
    return (slice(start, start + rows) for start in range(0, len(array), rows))'''

ERF = '''\
def _erf(array):
    """The error function of each element, which NumPy does not have."""
    values = [math.erf(one) for one in array.flat]
    return np.reshape(np.asarray(values, array.dtype), array.shape)'''

SIZE = '''\
BLOCK = 2**19
"""Bytes of one array in a block of rows: a few such blocks fit the cache of a core."""'''


class NumpyFile(FileWriter):
    """NumPy."""

    title: ClassVar = "NumPy"
    library: ClassVar = Library("np", "axis", "keepdims", MappingProxyType({"erf": "_erf"}))
    writer: ClassVar = BlockWriter
    adds_rows_in_order: ClassVar = True

    def imports(self) -> str:
        needs_math = self.needs & {"math", "erf"}
        return "import math\n\nimport numpy as np" if needs_math else "import numpy as np"

    def start(self) -> Iterator[str]:
        if "blocks" in self.needs:
            yield SIZE

    def helpers(self) -> Iterator[str]:
        if "blocks" in self.needs:
            yield BLOCKS
        if "erf" in self.needs:
            yield ERF

    def traffic(self, plans: Plans) -> str:
        parts = [f"{name} {_passes(plan.traffic)}" for name, plan in plans.items()]
        said = f"Memory traffic, in arrays of the size of the data: {'; '.join(parts)}."
        return f"{said} The rest of the work is done on blocks of rows that stay in the cache."


def _passes(traffic: Traffic) -> str:
    (reads, writes), count = traffic.moved, len(traffic.reads)
    return f"reads {reads} and writes {writes} in {count} {'pass' if count == 1 else 'passes'}"
