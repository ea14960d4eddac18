"""The whole program against the imports it can't do without."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import derive

pytestmark = pytest.mark.slow

ROOT = Path(derive.__file__).parent.parent
PROGRAM = (sys.executable, "-m", "derive")
ROUNDS = 15


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Commands as a user runs them: with compiled modules on disk, also where this process is told to write none."""
    compiled = tmp_path_factory.mktemp("compiled")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": str(compiled)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)

    def runs(*command):
        return lambda: subprocess.run(command, env=environment, capture_output=True, check=True)

    return runs


# The contestant, its arguments, what it is measured against, how many times as long it may take.
RACES = [
    ("derive-bn --m 4", ["--m", "4"], "import sympy, numpy, rich", 2.0),
    ("derive-bn --help", ["--help"], "import sympy", 0.6),
]


@pytest.mark.parametrize("race", RACES, ids=[race[0] for race in RACES])
def test_the_program_against_bare_imports(processor, runs, race):
    """Minima of runs that take turns, in processor time: the program has one thread."""
    name, arguments, imports, allowed = race
    contestants = {name: runs(*PROGRAM, *arguments), imports: runs(sys.executable, "-c", imports)}
    times = {who: min(found) for who, found in processor.interleaved(contestants, ROUNDS).items()}
    ratio = times[name] / times[imports]
    processor.row(name, times, ratio=ratio)
    assert ratio <= allowed
