"""Puts this folder on the path: its layers are shared by the tests here and by the benchmarks."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
