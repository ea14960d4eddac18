"""Whether `derive-bn test` says of every function of the museum what museum.toml expects.

    python checks/implementations/museum.py [PART OF A NAME]…

prints one line for each function, or for those whose name has one of the parts in it, and where the program says
something else. Functions in a framework that is not installed are left out. Exit code: 0 all as expected, 1 not.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from derive.errors import DeriveError
from derive.report.examination import Examination
from derive.testing import examine

HERE = Path(__file__).parent
Entry = Mapping[str, Any]


def entries() -> list[Entry]:
    """What museum.toml holds, in its order."""
    found: list[Entry] = tomllib.loads((HERE / "museum.toml").read_text("utf-8"))["function"]
    return found


def framework(entry: Entry) -> str:
    return str(entry.get("framework", "numpy"))


def examined(entry: Entry) -> Examination | DeriveError:
    """What the program says, or its error where it says that it can't examine."""
    layer = entry["layer"]
    try:
        return examine(
            str(HERE / entry["function"]),
            layer=str(HERE / layer) if layer.endswith(".py") else layer,
            framework=framework(entry),
            axes=tuple(entry["axes"].split(",")) if "axes" in entry else (),
        )
    except DeriveError as error:
        return error


def verdict(found: Examination | DeriveError) -> str:
    return "refused" if isinstance(found, DeriveError) else found.verdict


def differences(entry: Entry, found: Examination | DeriveError) -> list[str]:
    """Where an examination is not what the entry expects, one sentence each."""
    if verdict(found) != entry["verdict"]:
        return [f"the verdict is {verdict(found)}, and not {entry['verdict']}: {told(found)}"]
    if isinstance(found, DeriveError):
        return list(_said(entry, found))
    return [*_outputs(entry, found), *_said(entry, found), *_digits(entry, found)]


def _outputs(entry: Entry, found: Examination) -> Iterator[str]:
    """Only the outputs that are expected to fail do, and each diagnosis says what it must."""
    wanted = entry.get("diagnosis", {})
    failing = {one.name: one.diagnosis or "" for one in found.outputs if not one.passed}
    if wanted and set(wanted) != set(failing):
        yield f"{', '.join(sorted(failing))} fail, and not {', '.join(sorted(wanted))}"
    for name in wanted.keys() & failing.keys():
        for one in missing(failing[name], wanted[name]):
            yield f"the diagnosis of {name} does not say {one}: {failing[name]!r}"


def _said(entry: Entry, found: Examination | DeriveError) -> Iterator[str]:
    for one in missing(told(found), entry.get("says", ())):
        yield f"nothing says {one}: {told(found)!r}"


def _digits(entry: Entry, found: Examination) -> Iterator[str]:
    loses = any(one.inaccurate for one in found.outputs)
    if loses != entry.get("inaccurate", False):
        yield f"it {'is' if loses else 'is not'} said to lose digits"


def missing(text: str, wanted: Sequence[str | list[str]]) -> list[str]:
    """The fragments that are not in the text; of a list of them one has to be there."""
    choices = [one if isinstance(one, list) else [one] for one in wanted]
    return [" or ".join(map(repr, choice)) for choice in choices if not any(one in text for one in choice)]


def told(found: Examination | DeriveError) -> str:
    """All that is said, of one gradient or of none."""
    if isinstance(found, DeriveError):
        return str(found)
    parts = [*found.problems, *found.notes]
    parts += [one.diagnosis for one in found.outputs if one.diagnosis]
    parts += [f"{failing.condition}: {failing.said}" for one in found.outputs for failing in one.failing]
    return "; ".join(dict.fromkeys(parts))


def main(parts: Sequence[str]) -> int:
    wrong = 0
    for entry in entries():
        name = entry["function"]
        if any(part in name for part in parts or [""]) and find_spec(framework(entry)) is not None:
            found = differences(entry, examined(entry))
            wrong += bool(found)
            print("✗" if found else "✓", name, *(f"\n    {one}" for one in found), flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
