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
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
PROGRAM = (sys.executable, "-m", "derive")


def runs(*command):
    def run():
        subprocess.run(command, env=ENVIRONMENT, capture_output=True, check=True)

    return run


# The contestant, its arguments, what it is measured against, how many times as long it may take.
RACES = [
    ("derive-bn --m 4", ["--m", "4"], "import sympy, numpy, rich", 2.0),
    ("derive-bn --help", ["--help"], "import sympy", 0.6),
]


@pytest.mark.parametrize(("name", "arguments", "imports", "allowed"), RACES, ids=[race[0] for race in RACES])
def test_the_program_against_bare_imports(stopwatch, name, arguments, imports, allowed):
    contestants = {name: runs(*PROGRAM, *arguments), imports: runs(sys.executable, "-c", imports)}
    times = {who: min(found) for who, found in stopwatch.interleaved(contestants, 9).items()}
    ratio = times[name] / times[imports]
    stopwatch.row(name, times, ratio=ratio)
    assert ratio <= allowed
