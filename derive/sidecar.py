"""Expected verdicts beside a document: NAME.expected.toml, written by hand before the first run."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from derive.errors import DeriveError
from derive.report.document import Entry

__all__ = ["Expected", "Sidecar", "differences", "read_sidecar"]

VERDICTS = frozenset({"definition", "given", "notation", "proved", "refuted", "undecided", "unreadable"})


class SidecarError(DeriveError):
    """A sidecar that can't be used."""


@dataclass(frozen=True, slots=True)
class Expected:
    """The verdict one equation must get; an empty reading is not compared."""

    line: int
    verdict: str
    reading: str = ""


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What is given with a document, and what is expected of it."""

    given: tuple[str, ...]
    layer: str | None
    expected: tuple[Expected, ...]


def read_sidecar(document: Path) -> Sidecar | None:
    """The sidecar of a document, None if it has none. Raises `SidecarError` if it is not as it must be."""
    if not document.name:
        return None
    path = document.with_name(f"{document.stem}.expected.toml")
    if not path.is_file():
        return None
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        return Sidecar(
            tuple(map(str, data.get("given", ()))),
            _layer(data.get("layer")),
            tuple(_expected(row) for row in data.get("equation", ())),
        )
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        said = f"{path} is not a sidecar: {error}."
        raise SidecarError(f"{said} It needs [[equation]] tables with line and verdict.") from None


def _layer(name: object) -> str | None:
    if name is not None and not isinstance(name, str):
        raise ValueError("the layer is the name of a layer in quotes")
    return name


def _expected(row: dict[str, Any]) -> Expected:
    verdict = str(row["verdict"])
    if verdict not in VERDICTS:
        raise ValueError(f"there is no verdict {verdict}")
    return Expected(int(row["line"]), verdict, str(row.get("reading", "")))


def differences(found: Sequence[Entry], expected: Sequence[Expected]) -> tuple[str, ...]:
    """Where verdicts are not as expected, one sentence each."""
    told = []
    for entry, wanted in zip(found, expected, strict=False):
        if entry.line != wanted.line:
            told.append(f"line {entry.line}: an equation where line {wanted.line} was expected")
        elif entry.verdict != wanted.verdict:
            told.append(
                f"line {entry.line}: {entry.verdict}, expected {wanted.verdict}: {entry.understood or entry.latex}"
            )
        elif wanted.reading and entry.reading and wanted.reading not in entry.reading:
            told.append(f"line {entry.line}: read as {entry.reading}, expected {wanted.reading}")
    if len(found) != len(expected):
        told.append(f"{len(found)} equations, expected {len(expected)}")
    return tuple(told)
