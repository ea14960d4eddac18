"""Results as plain data: strings and numbers, ready for any writer. No SymPy objects, no formatting.

Every formula comes as `text` (one line of Unicode) and as `latex`.
"""

from derive.report.derivation import (
    CheckLine,
    ClosedFormLine,
    Entry,
    GraphNode,
    IdentityLine,
    Line,
    NumericLine,
    Report,
    catalogue,
    report,
)
from derive.report.formula import Cited, Example, Formula, Judged

__all__ = [
    "CheckLine", "Cited", "ClosedFormLine", "Entry", "Example", "Formula", "GraphNode", "IdentityLine", "Judged",
    "Line", "NumericLine", "Report", "catalogue", "report",
]  # fmt: skip
