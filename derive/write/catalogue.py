"""The list of layers, as text and as JSON."""

from __future__ import annotations

import json

from derive.report import Entry

__all__ = ["catalogue_json", "catalogue_text"]


def catalogue_text(entries: tuple[Entry, ...]) -> str:
    """One paragraph a layer: its name, its forward pass, its gradients."""
    return "\n".join(_paragraph(entry) for entry in entries)


def _paragraph(entry: Entry) -> str:
    formulas = "".join(f"  {formula.text}\n" for formula in (*entry.forward, *entry.closed_forms))
    return f"{entry.name} – {entry.title}\n{formulas}"


def catalogue_json(entries: tuple[Entry, ...]) -> str:
    """A list of objects: name, title, forward pass and closed forms as LaTeX and text."""
    data = [
        {
            "name": entry.name,
            "title": entry.title,
            "forward": [{"latex": one.latex, "text": one.text} for one in entry.forward],
            "closed_form": [{"latex": one.latex, "text": one.text} for one in entry.closed_forms],
        }
        for entry in entries
    ]
    return json.dumps(data, ensure_ascii=False, indent=2) + "\n"
