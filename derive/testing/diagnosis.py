"""What a wrong function computes instead. Nothing is diagnosed yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Observation:
    inputs: Mapping[str, Any]
    upstream: Any
    found: Any
    true: Any
    error: float


@dataclass(frozen=True, slots=True)
class Diagnosis:
    words: str
    edits: int


def diagnose(
    derivation: Any, of: str, observations: Sequence[Observation], *, seconds: float = 2.0
) -> Diagnosis | None:
    return None
