"""What can be wrong with a file or a formula that is to be read. Messages: what is wrong, then what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from derive.errors import DeriveError

if TYPE_CHECKING:
    from derive.read.source import Place

__all__ = ["FileError", "FormulaError", "ReadError"]


class ReadError(DeriveError):
    """Something can't be read at all."""


class FileError(ReadError):
    """A file that is missing, too large, binary, or not what its ending says."""


class FormulaError(ReadError):
    """A formula on its own, such as that of `--given`, that can't be read. `place` and `caret` say where."""

    def __init__(self, message: str, place: Place, caret: str) -> None:
        super().__init__(f"{message}\n{caret}")
        self.place = place
        self.caret = caret


class Misread(Exception):  # noqa: N818 - a signal inside this package, never seen outside it
    """The text at `offset` is not what the grammar expects."""

    def __init__(self, offset: int, message: str) -> None:
        super().__init__(message)
        self.offset = offset
        self.message = message


class LaidOut(Misread):
    """The text at `offset` is notation: it lays out entries or a shape and states no equation."""
