"""Limits that keep every file within bounded time and memory. Past one of them, text is unreadable, with the reason."""

from __future__ import annotations

from typing import Final

__all__ = [
    "BLOCK", "DEPTH", "ENTRIES", "FILE", "GIVENS", "LINES", "MACROS", "MACRO_DEPTH", "MATHS", "SHORTEST", "SLASHES",
    "TERMS", "TOKENS",
]  # fmt: skip

FILE: Final = 32 * 2**20  # bytes of a file
MATHS: Final = 400_000  # characters of maths in one file: some 3000 equations
SHORTEST: Final = 40  # characters that a block counts at least: a file has at most 10,000 blocks
GIVENS: Final = 1000  # of one file
MACROS: Final = 1000  # definitions of macros in one file
ENTRIES: Final = 2_000_000  # strings, numbers and brackets of a notebook
LINES: Final = 200_000  # lines of a file in which indented code is looked for
BLOCK: Final = 100_000  # characters of one block
TOKENS: Final = 300_000  # tokens of maths in one file, after macros are expanded
DEPTH: Final = 60  # brackets, roots, fractions and Σ in one another
TERMS: Final = 1000  # terms of one sum, factors of one product
SLASHES: Final = 20  # a/b/c/…: each makes the tree one level deeper
MACRO_DEPTH: Final = 12  # macros that use macros
