import sys
from pathlib import Path

import pytest

from derive.testing import examine

sys.path.insert(0, str(Path(__file__).parent))  # for the material that several tests share

FUNCTIONS = Path(__file__).parent / "functions.py"


@pytest.fixture
def judged():
    """The examination of one of the functions beside this file, in a process of its own."""
    return lambda name, layer, **options: examine(f"{FUNCTIONS}:{name}", layer, **options)
