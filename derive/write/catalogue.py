"""The list of layers, as text and as JSON."""

from __future__ import annotations

import json

from derive.report import Entry
from derive.write.wrap import wrap

__all__ = ["catalogue_json", "catalogue_text"]


def catalogue_text(entries: tuple[Entry, ...], width: int) -> str:
    """One paragraph a layer: its name, its forward pass, its gradients, in lines of that width."""
    return "\n".join(_paragraph(entry, width) for entry in entries)


def _paragraph(entry: Entry, width: int) -> str:
    lines = [line for formula in entry.formulas for line in wrap(formula.text, width - 2)]
    assumed = [f"assuming {formula.text}" for formula in entry.assumptions]
    return "\n".join([f"{entry.name} – {entry.title}", *(f"  {line}" for line in (*lines, *assumed)), ""])


def catalogue_json(entries: tuple[Entry, ...]) -> str:
    """A list of objects: name, title, forward pass and closed forms as LaTeX and text."""
    data = [
        {
            "name": entry.name,
            "title": entry.title,
            "forward": [{"latex": one.latex, "text": one.text} for one in entry.forward],
            "assumptions": [{"latex": one.latex, "text": one.text} for one in entry.assumptions],
            "closed_form": [{"latex": one.latex, "text": one.text} for one in entry.closed_forms],
        }
        for entry in entries
    ]
    return json.dumps(data, ensure_ascii=False, indent=2) + "\n"
