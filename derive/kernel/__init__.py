"""The small trusted part: decides whether two expressions are equal for every size.

Imports nothing else of `derive`.
"""

from derive.kernel.decide import Kernel
from derive.kernel.language import Partial, partial
from derive.kernel.verdict import Counterexample, Proved, Refuted, Undecided, Verdict

__all__ = ["Counterexample", "Kernel", "Partial", "Proved", "Refuted", "Undecided", "Verdict", "partial"]
