"""One tree of errors: everything a user of this package can be told about wrong input.

A message is two sentences: what is wrong, and what to do. The command line prints it as it is and ends with
`exit_code`.
"""


class DeriveError(Exception):
    """Wrong input to this package. `str(error)` is the whole message for the user."""

    exit_code = 2


class LayerError(DeriveError):
    """A layer is not well formed: a name assigned twice, used before its definition, or with the wrong indices."""


class UnknownLayerError(DeriveError):
    """There is no layer of that name."""


class ShapeError(DeriveError):
    """Axes that a layer can't have."""


class TooLongError(DeriveError):
    """A file takes too long to read."""


class SizeError(DeriveError):
    """A batch size that no derivation can be made for."""


class OrderError(DeriveError):
    """An order of derivation that there is none of."""


class VectorizeError(DeriveError):
    """An expression has no array form: its summation would need an array with one axis more than its tensors have."""


class OutputError(DeriveError):
    """A report can't be written: unknown format, a folder that isn't there, a missing program."""


class TargetError(DeriveError):
    """There is no array library of that name to write a file for."""


class ClosedFormError(DeriveError):
    """A closed form that a layer states is refuted, so no code is made from it."""

    exit_code = 1
