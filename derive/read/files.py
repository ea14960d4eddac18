"""Files → text: what is missing, too large, binary or no notebook is refused here, in one sentence.

Promises: nothing but UTF-8 (or UTF-16 with its mark) is read, line ends stay as they are, and the kind of a file
follows from its ending, or for standard input from its text.
"""

from __future__ import annotations

import codecs
import sys
from pathlib import Path
from typing import Final

from derive.read.errors import FileError
from derive.read.limits import FILE

__all__ = ["KINDS", "kind_of", "load"]

KINDS: Final = ("tex", "md", "ipynb", "txt")
_ENDINGS: Final = {".tex": "tex", ".ltx": "tex", ".md": "md", ".markdown": "md", ".ipynb": "ipynb"}
_MARKS: Final = ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def load(path: str | Path) -> str:
    """The text of a file, or of standard input for `-`."""
    data = _standard_input() if str(path) == "-" else _content(Path(path))
    if len(data) > FILE:
        raise FileError(f"{path} is larger than {FILE // 2**20} MB. Check a part of it.")
    return _decoded(data, str(path))


def kind_of(path: str | Path, text: str) -> str:
    """One of KINDS."""
    ending = Path(path).suffix.lower()
    if str(path) != "-":
        return _ENDINGS.get(ending, "txt")
    if text.lstrip()[:1] == "{" and '"cells"' in text:
        return "ipynb"
    return "tex" if "\\documentclass" in text or "\\begin{document}" in text else "md"


def _standard_input() -> bytes:
    return sys.stdin.buffer.read(FILE + 1)


def _content(path: Path) -> bytes:
    if path.is_dir():
        raise FileError(f"{path} is a folder. Name the files in it.")
    try:
        with path.open("rb") as file:
            return file.read(FILE + 1)
    except FileNotFoundError:
        raise FileError(f"There is no file {path}. Check the path.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FileError(f"{path} can't be opened: {reason}. Check the path and its permissions.") from None


def _decoded(data: bytes, name: str) -> str:
    encoding = next((encoding for mark, encoding in _MARKS if data.startswith(mark)), "utf-8-sig")
    if encoding == "utf-8-sig" and b"\0" in data:
        raise FileError(f"{name} is a binary file. Give its .tex, .md, .ipynb or .txt source.")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise FileError(
            f"{name} is not UTF-8 text (byte {error.start} is not). Save it as UTF-8, or give its source."
        ) from None
