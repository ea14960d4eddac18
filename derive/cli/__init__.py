"""The command line: arguments → one call → one writer → exit code. SymPy is imported only once there is work for it.

One module a command; `params.py` has the kinds of options they share, `output.py` what becomes of a report, and
`program.py` the program around them. Exit codes: 0 all proved, 1 something refuted or a numerical check failed, 2 wrong
usage or input, 3 undecided.
"""

from derive.cli.derivation import EXIT_CODES
from derive.cli.program import main, script

__all__ = ["EXIT_CODES", "main", "script"]
