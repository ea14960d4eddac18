"""Many documents: folders looked through, files checked on all cores, in the order they were named."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from derive.check import check_file
from derive.errors import DeriveError
from derive.layers.layer import Layer
from derive.report.document import DocumentReport

__all__ = ["check_files", "documents"]

ENDINGS = frozenset({".tex", ".md", ".ipynb", ".txt"})


class NoDocumentsError(DeriveError):
    """Nothing to check in a folder."""


def documents(paths: Sequence[str]) -> tuple[str, ...]:
    """The files behind paths: a folder stands for every document in it, sorted. Raises `NoDocumentsError`."""
    found: list[str] = []
    for path in paths:
        if not path:
            raise NoDocumentsError("The name of a file is empty. Name a file, or - for standard input.")
        if path != "-" and Path(path).is_dir():
            inside = sorted(
                str(one) for one in Path(path).rglob("*") if one.suffix.lower() in ENDINGS and one.is_file()
            )
            if not inside:
                known = ", ".join(sorted(ENDINGS))
                raise NoDocumentsError(f"There is no document in {path}. It has to hold files ending in {known}.")
            found += inside
        else:
            found.append(path)
    return tuple(dict.fromkeys(found))


def _checked(path: str, givens: Sequence[str], layer: Layer | None) -> DocumentReport:
    """One file; a bug in checking it is its own error and does not take the other files' verdicts along."""
    try:
        return check_file(path, givens, layer)
    except Exception as error:  # noqa: BLE001 -- see above
        said = f"Checking {path} failed: {type(error).__name__}: {error}."
        return DocumentReport(path, error=f"{said} This is a bug of derive-bn; please report it with the file.")


def check_files(
    paths: Sequence[str], givens: Sequence[str] = (), layer: Layer | None = None
) -> Iterator[DocumentReport]:
    """The report on each file, as it is ready and in order. One file is checked in this process."""
    check = partial(_checked, givens=tuple(givens), layer=layer)
    workers = min(os.cpu_count() or 1, len(paths))
    if workers < 2 or "-" in paths or "fork" not in multiprocessing.get_all_start_methods():
        yield from map(check, paths)
        return
    # A forked worker has SymPy loaded already, which is most of the time a short document takes.
    with ProcessPoolExecutor(workers, multiprocessing.get_context("fork")) as pool:
        yield from pool.map(check, paths)
