"""Results as plain data: strings and numbers, ready for any writer. No SymPy objects, no formatting.

Every formula comes as `text` (one line of Unicode) and as `latex`.
"""

from derive.report.derivation import (
    CheckLine,
    ClosedFormLine,
    Entry,
    GraphNode,
    Line,
    NumericLine,
    Report,
    catalogue,
    report,
)
from derive.report.formula import Example, Formula, Judged

__all__ = [
    "CheckLine", "ClosedFormLine", "Entry", "Example", "Formula", "GraphNode", "Judged", "Line", "NumericLine",
    "Report", "catalogue", "report",
]  # fmt: skip
