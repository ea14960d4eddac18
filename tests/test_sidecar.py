"""Sidecars of expected verdicts: read, compared, and refused with a sentence when they are not as they must be."""

from __future__ import annotations

import pytest

from derive.check import check_file
from derive.errors import DeriveError
from derive.report.document import Entry
from derive.sidecar import Expected, Sidecar, differences, read_sidecar

DOCUMENT = r"""
\[ \mu = \frac{1}{m} \sum_{k=1}^m x_k \]
\[ \frac{\partial \mu}{\partial x_i} = \frac{1}{N} \]
"""


def written(folder, content, document=DOCUMENT, name="notes.tex"):
    path = folder / name
    path.write_text(document, "utf-8")
    path.with_name(f"{path.stem}.expected.toml").write_text(content, "utf-8")
    return path


def row(line, verdict, more=""):
    return f'[[equation]]\nline = {line}\nverdict = "{verdict}"\n{more}\n'


def test_no_sidecar_is_none(tmp_path):
    (tmp_path / "notes.tex").write_text("x")
    assert read_sidecar(tmp_path / "notes.tex") is None


def test_what_is_read(tmp_path):
    content = 'given = ["N = m"]\nlayer = "batchnorm"\n' + row(2, "proved", 'reading = "local"') + row(3, "refuted")
    expected = (Expected(2, "proved", "local"), Expected(3, "refuted"))
    assert read_sidecar(written(tmp_path, content)) == Sidecar(("N = m",), "batchnorm", expected)


BROKEN = {
    "no TOML": "[[equation",
    "an unknown verdict": row(2, "prooved"),
    "no line": '[[equation]]\nverdict = "proved"',
    "no verdict": "[[equation]]\nline = 2",
    "a line that is no number": '[[equation]]\nline = "two"\nverdict = "proved"',
    "equations that are no tables": 'equation = ["a"]',
    "a given that is no list": "given = 3",
    "a layer that is no word": "layer = 3\n" + row(2, "definition"),
    "a layer that there is not": 'layer = "batchnrom"\n' + row(2, "definition"),
    "a given that is no equation": 'given = ["N"]\n' + row(2, "definition"),
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_broken_sidecar_is_an_error_in_the_report(tmp_path, content):
    found = check_file(str(written(tmp_path, content)))
    assert found.verdict == "error"
    assert found.error
    assert "Traceback" not in found.error


@pytest.mark.parametrize("raw", [b"\xff\xfe\x00", b"a = 1\x00"])
def test_a_binary_sidecar_is_one_too(tmp_path, raw):
    path = written(tmp_path, "")
    path.with_name("notes.expected.toml").write_bytes(raw)
    assert check_file(str(path)).verdict == "error"
    with pytest.raises(DeriveError):
        read_sidecar(path)


MATCHES = {
    "as expected": (row(2, "definition") + row(3, "undecided"), ()),
    "with what is given": ('given = ["N = m"]\n' + row(2, "definition") + row(3, "proved"), ()),
    "another verdict": (
        row(2, "definition") + row(3, "proved"),
        ("line 3: undecided, expected proved: ∂μ/∂x_i = 1/N",),
    ),
    "another line": (row(2, "definition") + row(4, "undecided"), ("line 3: an equation where line 4 was expected",)),
    "too few": (row(2, "definition"), ("2 equations, expected 1",)),
    "too many": (row(2, "definition") + row(3, "undecided") + row(4, "proved"), ("2 equations, expected 3",)),
    "nothing expected": ("", ("2 equations, expected 0",)),
}


@pytest.mark.parametrize(("content", "told"), MATCHES.values(), ids=MATCHES)
def test_differences(tmp_path, content, told):
    found = check_file(str(written(tmp_path, content)))
    assert found.expected
    assert found.differences == told
    assert found.verdict == ("differs" if told else "as expected")


READINGS = [
    ("local", "local", ()),
    ("total", "local", ("line 1: read as total, expected local",)),
    ("local", "", ()),
    ("", "", ()),
    ("∂a/∂b local, ∂c/∂d total", "total", ()),
]


@pytest.mark.parametrize(("found", "expected", "told"), READINGS)
def test_a_reading_is_compared_if_one_is_expected(found, expected, told):
    entry = Entry(1, 1, "x", "proved", reading=found)
    assert differences([entry], [Expected(1, "proved", expected)]) == told
