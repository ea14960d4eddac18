"""What a letter is, decided for a document as a whole from all of its uses.

Indices. A subscript letter is an index if
  1. it is the index of a Σ, of a range (i = 1, …, m) or of an indicator anywhere in the document, or
  2. it is i, j, k or l, or
  3. it is lower case, stands alone as a subscript on two or more letters, and one of those letters, or a third one that
     has it next to an index (x_{nc}), has an index by 1 or 2 as well, or
  4. it is lower case and stands next to the index of a Σ that has nothing else to sum over (the g of Σ_c x_{gc}), and
     in another subscript too (μ_g), or
  5. it is lower case and in a left side's subscript of which the right side has a part: the b of z_{bc} = x_{bc} − μ_c.
  A size (the upper limit of a Σ) and a number are indices on a letter that has an index elsewhere: x_m, x_1.
Everything else is a label, part of the name: μ_B, x_{norm}, σ_b. A run of lower case letters that are not all indices
is one label. A label in capitals or Greek may be followed by indices: μ_{Bj}. A run that holds the index of a Σ around
it and would be one label is unreadable if its other letters are used in other subscripts (Σ_c w_c x_{gc} with y_g) or
if the Σ has nothing else to sum over: as a label it would be a constant of that sum.

Squares. σ² is a name of its own if a derivative is taken by it, or if it is all of a left side before σ is one: a
derivative of x² alone makes it no name. All labels and indices of a letter go together.

Words. A run of three or more letters is one name if it is all of a left side in the document or a common name of code
(dout); a run of two is one if it is d and a letter (dx), unless d is a letter of its own in the document. A run of
capitals that are all sizes is their product: NHW.

δ with two indices is Kronecker's, unless the document defines δ or uses it with other subscripts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from derive.read.commands import WORDS

__all__ = ["Decisions", "Evidence", "Key", "decide"]

Key: TypeAlias = tuple[str, str]  # a letter or word, and its accent
Run: TypeAlias = tuple[str, ...]  # what stands side by side in one part of a subscript
_USUAL: Final = frozenset("ijkl")


@dataclass(frozen=True, slots=True)
class Decisions:
    """What was decided. `everything_is_an_index` is for the first reading, which gathers evidence."""

    indices: frozenset[str] = _USUAL
    doubtful: frozenset[Run] = frozenset()
    sizes: frozenset[str] = frozenset()
    indexed: frozenset[Key] = frozenset()
    squared: frozenset[Key] = frozenset()
    words: frozenset[str] = WORDS
    kronecker: bool = True
    d_is_a_letter: bool = False
    first_reading: bool = False

    def is_index(self, key: Key, unit: str) -> bool:
        """Whether `unit` in a subscript of `key` is an index, and not a label or a part of one."""
        if self.first_reading or unit in self.indices:
            return True
        return (unit in self.sizes or unit.isdecimal()) and key in self.indexed

    def lines(self) -> tuple[str, ...]:
        """What was decided, a sentence each."""
        told = [f"Indices: {', '.join(sorted(self.indices))}."]
        told += [f"{base}{accent}² is a name of its own." for base, accent in sorted(self.squared)]
        told += [f"{word} is one name." for word in sorted(self.words - WORDS)]
        return (*told, *([] if self.kronecker else ["δ is a name, not Kronecker's δ."]))


@dataclass(slots=True)
class Evidence:
    """What the first reading saw."""

    bound: set[str] = field(default_factory=set)
    sizes: set[str] = field(default_factory=set)
    elements: set[Key] = field(default_factory=set)  # letters whose elements are listed: x_1 + … + x_m
    subscripts: dict[Key, set[Run]] = field(default_factory=lambda: defaultdict(set))
    carriers: set[frozenset[Run]] = field(default_factory=set)  # for each index of a Σ, the runs behind it that hold it
    widened: set[Run] = field(default_factory=set)  # runs of a left side of which a name on the right has a part
    left: set[Key] = field(default_factory=set)
    squared_left: set[Key] = field(default_factory=set)
    first_left: dict[tuple[Key, str], int] = field(default_factory=dict)
    squared_bottom: set[Key] = field(default_factory=set)
    words: set[str] = field(default_factory=set)
    d_is_a_letter: bool = False

    def is_left(self, key: Key, *, squared: bool) -> None:
        """A name, or its square, is all of a left side."""
        (self.squared_left if squared else self.left).add(key)
        self.first_left.setdefault((key, "²" if squared else ""), len(self.first_left))

    def saw(self, key: Key, units: Iterable[str]) -> None:
        """`units` stood side by side in one part of a subscript of `key`."""
        self.subscripts[key].add(tuple(units))


def decide(evidence: Evidence) -> Decisions:
    """The rules of this module, applied."""
    indices = _carried(evidence, _USUAL | evidence.bound | _shared(evidence) | _widened(evidence))
    first = evidence.first_left
    squared = set(evidence.squared_bottom)
    squared |= {key for key in evidence.squared_left if first[key, "²"] < first.get((key, ""), len(first))}
    return Decisions(
        indices=indices,
        doubtful=frozenset(_doubtful(evidence, indices)),
        sizes=frozenset(evidence.sizes),
        indexed=frozenset(_indexed(evidence, indices)),
        squared=frozenset(squared),
        words=frozenset(WORDS | evidence.words),
        kronecker=_kronecker(evidence),
        d_is_a_letter=evidence.d_is_a_letter,
    )


def _shared(evidence: Evidence) -> set[str]:
    """Letters that rule 3 makes indices."""
    alone: dict[str, set[Key]] = defaultdict(set)
    beside: dict[str, set[Key]] = defaultdict(set)
    known = _USUAL | evidence.bound
    many = {key for key, seen in evidence.subscripts.items() if any(unit in known for units in seen for unit in units)}
    for key, seen in evidence.subscripts.items():
        for units in seen:
            for unit in units:
                if len(units) == 1:
                    alone[unit].add(key)
                elif any(other in known for other in units):
                    beside[unit].add(key)
    return {
        letter
        for letter, keys in alone.items()
        if len(letter) == 1 and "a" <= letter <= "z" and len(keys) > 1 and ((keys & many) or beside[letter])
    }


def _unknown(run: Run, indices: frozenset[str]) -> set[str]:
    """The lower case letters of a run that are no indices: where there is one, the run is one label."""
    return {unit for unit in run if unit.isascii() and unit.islower() and unit not in indices}


def _widened(evidence: Evidence) -> set[str]:
    """Letters that rule 5 makes indices."""
    return {unit for run in evidence.widened for unit in _unknown(run, frozenset()) if len(unit) == 1}


def _shared_letters(evidence: Evidence) -> frozenset[str]:
    """Letters that stand in more than one run."""
    found: dict[str, set[Run]] = defaultdict(set)
    for seen in evidence.subscripts.values():
        for run in seen:
            for unit in run:
                found[unit].add(run)
    return frozenset(unit for unit, runs in found.items() if len(runs) > 1 and len(unit) == 1)


def _carried(evidence: Evidence, indices: frozenset[str]) -> frozenset[str]:
    """With the letters that rule 4 makes indices."""
    shared = _shared_letters(evidence)
    while True:
        found: set[str] = set()
        for runs in evidence.carriers:
            unknown = [_unknown(run, indices) for run in runs]
            if all(unknown):
                found.update(*(letters for letters in unknown if letters <= shared))
        if not found:
            return indices
        indices |= found


def _doubtful(evidence: Evidence, indices: frozenset[str]) -> set[Run]:
    """Runs that would be one label, though the index of a Σ around them is in them and they may well be indices."""
    shared = _shared_letters(evidence)
    found = set()
    for runs in evidence.carriers:
        unknown = {run: _unknown(run, indices) for run in runs}
        nothing_else = all(unknown.values())
        found |= {run for run, letters in unknown.items() if letters and (nothing_else or letters <= shared)}
    return found


def _indexed(evidence: Evidence, indices: frozenset[str]) -> set[Key]:
    found = {
        key for key, seen in evidence.subscripts.items() if any(unit in indices for units in seen for unit in units)
    }
    return found | evidence.elements


def _kronecker(evidence: Evidence) -> bool:
    delta = ("δ", "")
    if delta in evidence.left:
        return False
    return all(len(units) == 2 for units in evidence.subscripts.get(delta, set()))
