"""The kinds of options that commands share. A wrong value is told with what to give instead."""

from __future__ import annotations

import difflib
from typing import Final

import click

__all__ = ["BatchSize", "Nearest", "Order", "listed", "pair"]

LARGEST_M: Final = 1_000_000


class Nearest(click.ParamType[str]):
    """One of a few words; a wrong one gets the nearest suggested."""

    name = "name"

    def __init__(self, words: tuple[str, ...], kind: str = "format") -> None:
        self.words, self.kind = words, kind

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value in self.words:
            return value
        near = difflib.get_close_matches(value.lower(), self.words, n=1, cutoff=0.5)
        hint = f"Did you mean '{near[0]}'?" if near else f"Choose one of: {', '.join(self.words)}."
        return self.fail(f"There is no {self.kind} '{value}'. {hint}", param, ctx)

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        del param, ctx
        return f"[{'|'.join(self.words)}]"


class BatchSize(click.ParamType[int]):
    """A whole number from 1 to a million."""

    name = "M"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            number = int(value)
        except ValueError:
            self.fail(f"m = {value} is not a whole number. Give a batch size such as --m 4.", param, ctx)
        if number < 1:
            self.fail(f"m = {number} is not a batch size. Give a whole number from 1 on, such as --m 4.", param, ctx)
        if number > LARGEST_M:
            said = f"m = {number} is more than the {LARGEST_M} elements that can be checked one by one."
            self.fail(f"{said} Leave --m out: the proof for every m covers it.", param, ctx)
        return number


class Order(click.ParamType[int]):
    """1 or 2."""

    name = "order"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if str(value) not in {"1", "2"}:
            self.fail(f"There is no derivation of order {value}. Give --order 1 or --order 2.", param, ctx)
        return int(value)

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        del param, ctx
        return "[1|2]"


def listed(said: str | None) -> tuple[str, ...]:
    """A,B,C in parts."""
    return tuple(part.strip() for part in said.split(",")) if said else ()


def pair(said: str) -> tuple[str, str]:
    """NAME=WHAT in its two parts."""
    name, found, what = said.partition("=")
    if not found or not name.strip() or not what.strip():
        raise click.BadParameter(f"'{said}' maps nothing. Write --map NAME=WHAT, such as --map gy=upstream.")
    return name.strip(), what.strip()
