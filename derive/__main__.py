"""`python -m derive` is `derive-bn`."""

from derive.cli import script

script()
