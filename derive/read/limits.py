"""Limits that keep every file within bounded time and memory. Past one of them, text is unreadable, with the reason."""

from __future__ import annotations

from typing import Final

__all__ = ["BLOCK", "DEPTH", "FILE", "MACRO_DEPTH", "MATHS", "SLASHES", "TERMS", "TOKENS"]

FILE: Final = 32 * 2**20  # bytes of a file
MATHS: Final = 500_000  # characters of maths in one file: some 3000 equations
BLOCK: Final = 100_000  # characters of one block
TOKENS: Final = 300_000  # tokens of maths in one file, after macros are expanded
DEPTH: Final = 40  # brackets, roots, fractions and Σ in one another
TERMS: Final = 1000  # terms of one sum, factors of one product
SLASHES: Final = 20  # a/b/c/…: each makes the tree one level deeper
MACRO_DEPTH: Final = 12  # macros that use macros
