"""Puts this folder on the path: its family of layers is shared by the tests here."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
