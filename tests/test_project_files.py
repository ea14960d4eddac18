"""What the files around the program say is true: the README's commands and transcripts, the changelog, the wheel."""

from __future__ import annotations

import doctest
import os
import re
import shlex
import subprocess
import sys
import zipfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

import derive
from derive.derivation import Derivation
from derive.own_layers import load_layer

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"

pytestmark = pytest.mark.skipif(not README.exists(), reason="the project's files are not installed")

SAME = doctest.OutputChecker()
TIME = re.compile(r"\s*\d+(?:\.\d+)? m?s\b")


def fences():
    """The fenced blocks of the README: language, text."""
    return re.findall(r"^```(\w*)[^\n]*\n(.*?)^```", README.read_text("utf-8"), re.MULTILINE | re.DOTALL)


@cache
def printed(line):
    """What a `derive-bn …` line prints to 80 columns, standard error included, and its exit code."""
    environment = {**os.environ, "PYTHONPATH": str(Path(derive.__file__).parent.parent), "PYTHONUTF8": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "derive", *shlex.split(line, comments=True)[1:]],
        env={**environment, "COLUMNS": "80"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        check=False,
    )
    return done.stdout, done.returncode


def transcripts():
    """Each `$ derive-bn …` of the README with the output that stands below it."""
    for _, text in fences():
        for piece in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command, _, output = piece.partition("\n")
            if command.startswith("derive-bn"):
                yield command, output


def commands():
    """Every line of a shell block that starts with derive-bn, and every one in the table of commands."""
    text = README.read_text("utf-8")
    shell = [line.strip().removeprefix("$ ") for kind, block in fences() if kind == "sh" for line in block.splitlines()]
    table = re.findall(r"^\| `(derive-bn[^`]*)`", text, re.MULTILINE)
    return [line for line in (*shell, *table) if line.startswith("derive-bn")]


# --- the README --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["derive-bn --m 4", "-m pytest"])
def test_the_readme_has_the_two_lines_to_copy(ending):
    lines = [line for kind, text in fences() if kind in {"sh", "bash", "console"} for line in text.splitlines()]
    assert [line for line in lines if line.rstrip().endswith(ending)], f"no command line ends in '{ending}'"


def test_every_transcript_is_what_the_program_prints():
    for command, expected in transcripts():
        found, _ = printed(command)
        wanted = re.sub(r"^\s*(?:…|\.\.\.)\s*$", "...", expected, flags=re.MULTILINE)
        wanted, got = (TIME.sub("", text) for text in (wanted, found))
        assert SAME.check_output(wanted, got, doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE), (
            f"$ {command}\nthe README has:\n{expected}\nthe program prints:\n{found}"
        )


def test_an_excerpt_of_a_derivation_is_part_of_one():
    found, _ = printed("derive-bn --m 4")
    for kind, text in fences():
        if kind == "text" and "✓" in text and not re.search(r"^\$ ", text, re.MULTILINE):
            assert TIME.sub("", text) in TIME.sub("", found)


def test_the_document_in_the_readme_gets_the_verdicts_in_the_readme(tmp_path):
    source = next(text for kind, text in fences() if kind == "latex")
    (expected,) = (text for _, text in fences() if text.startswith("rms-norm.tex:"))
    (tmp_path / "rms-norm.tex").write_text(source, "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "derive", "check", "rms-norm.tex"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "COLUMNS": "100"},
        cwd=tmp_path,
        capture_output=True,
        check=False,
        encoding="utf-8",
    )
    assert (done.stdout, done.returncode) == (expected, 1), done.stderr


def test_the_readmes_own_layer_is_the_one_of_the_transcript(tmp_path):
    """The equations it shows are those of the file, and the Python file beside them finds the same form."""
    _, equations = (text for kind, text in fences() if kind == "latex")
    assert "".join(equations.split()) in "".join((ROOT / "tests/own_layers/power.tex").read_text("utf-8").split())
    (source,) = (text for kind, text in fences() if kind == "python")
    (tmp_path / "own.py").write_text(source, "utf-8")
    (found,) = Derivation(load_layer(f"{tmp_path}/own.py:power")).closed_forms
    assert str(found) == "∂L/∂x_i = (1/q^(1/4)) (g_i − (y_i³/m) Σ_j g_j y_j)"
    assert found.verdict.label == "proved"


def test_the_python_sessions_are_true():
    tests = doctest.DocTestParser().get_doctest(
        "\n".join(text for _, text in fences() if ">>> " in text), {}, "README", str(README), 0
    )
    said: list[str] = []
    result = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(tests, out=said.append)
    assert result.failed == 0, "".join(said)
    assert result.attempted == README.read_text("utf-8").count("\n>>> ")


def test_every_option_the_readme_names_exists():
    named = {option for line in commands() for option in re.findall(r"(?<!\w)--?[a-z]+", line)}
    described = {option for line in re.findall(r"`([^`\n]*)`", README.read_text("utf-8")) if "derive-bn" in line
                 for option in re.findall(r"(?<![\w-])--?[a-z]+", line.partition("derive-bn")[2])}  # fmt: skip
    helped, code = printed("derive-bn --help")
    assert code == 0
    assert [option for option in sorted(named | described) if not re.search(rf"{option}\b", helped)] == []


def test_the_links_of_the_documents_lead_somewhere():
    links = [
        (document.name, link)
        for document in sorted(ROOT.glob("*.md"))
        for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text("utf-8"))
        if "://" not in link
    ]
    dead = [(name, link) for name, link in links if not (ROOT / link).exists()]
    assert dead == []


# --- other files -------------------------------------------------------------------------------------------------


def test_the_changelog_has_unreleased_on_top():
    headings = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert headings[0].strip("[]") == "Unreleased"
    assert re.search(
        r"^## \[?Unreleased\]?\n+(?:### \w+\n+)?- \S", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE
    )


def tracked():
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)  # noqa: S607
    if done.returncode or not done.stdout:
        pytest.skip("no git repository")
    return [ROOT / name for name in done.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


# In two pieces, so that this file has none.
MACHINE = re.compile(rb"(?<![\w)\]}>*])/" + rb"(?:work|tmp|root|home)/\w")


def test_no_path_of_a_machine_is_in_a_tracked_file():
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.decode(errors='replace').strip()}"
        for path in tracked()
        for number, line in enumerate(path.read_bytes().splitlines(), 1)
        if MACHINE.search(line)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("line", "is_one"),
    [
        (b"see /" + b"work/main/x.py", True),
        (b"'/" + b"tmp/venv'", True),
        (b"a/" + b"work/b", False),
        (b"1/root", False),
        (b"https://example.org/tmp", False),
    ],
)
def test_what_counts_as_a_path_of_a_machine(line, is_one):
    assert bool(MACHINE.search(line)) is is_one


@pytest.mark.slow
@pytest.mark.skipif(find_spec("build") is None, reason="build is not installed")
def test_the_wheel_holds_the_package_and_nothing_else(tmp_path):
    options = ["--no-isolation"] if find_spec("hatchling") else []
    command = [sys.executable, "-m", "build", "--wheel", *options, "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {"derive"}
    package = {path.relative_to(ROOT).as_posix() for path in (ROOT / "derive").rglob("*.py")}
    assert package | {"derive/py.typed"} <= names
