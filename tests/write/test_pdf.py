"""PDF files: the engine that is there, errors a user can act on, no half files."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from derive.errors import OutputError
from derive.write import pdf
from derive.write.pdf import write_pdf

GOOD = "\\documentclass{article}\\begin{document}x\\end{document}\n"
BAD = "\\documentclass{article}\\begin{document}\n\\nosuchmacro\n\\end{document}\n"

needs_tex = pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed")


@needs_tex
@pytest.mark.parametrize("hidden", [(), ("latexmk",)])
def test_writes_a_pdf_and_nothing_else(hidden: tuple[str, ...], tmp_path: Path, monkeypatch) -> None:
    which = shutil.which
    monkeypatch.setattr(pdf.shutil, "which", lambda name: None if name in hidden else which(name))
    write_pdf(GOOD, tmp_path / "x.pdf")
    assert (tmp_path / "x.pdf").read_bytes().startswith(b"%PDF")
    assert [path.name for path in tmp_path.iterdir()] == ["x.pdf"]


@needs_tex
def test_the_first_error_of_latex_is_told_and_the_old_file_stays(tmp_path: Path) -> None:
    (tmp_path / "x.pdf").write_text("old")
    with pytest.raises(OutputError, match=r"Undefined control sequence \(line 2\)\. Write"):
        write_pdf(BAD, tmp_path / "x.pdf")
    assert (tmp_path / "x.pdf").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


@needs_tex
def test_shell_escape_is_off(tmp_path: Path) -> None:
    made = tmp_path / "made"
    tex = GOOD.replace("x\\end", rf"\immediate\write18{{touch {made}}}x\end")
    write_pdf(tex, tmp_path / "x.pdf")
    assert not made.exists()


@needs_tex
def test_a_run_without_end_is_stopped(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(pdf, "_LIMIT", 3.0)
    with pytest.raises(OutputError, match="did not finish in 3 seconds"):
        write_pdf(GOOD.replace("x\\end", r"\loop\iftrue\repeat\end"), tmp_path / "x.pdf")


def test_without_tex_says_what_to_install(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(pdf.shutil, "which", lambda _: None)
    with pytest.raises(OutputError, match=r"none of latexmk, pdflatex and tectonic is installed\. Install TeX Live"):
        write_pdf(GOOD, tmp_path / "x.pdf")


def test_a_missing_folder_is_told(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(pdf.shutil, "which", lambda name: name)
    with pytest.raises(OutputError, match="There is no folder"):
        write_pdf(GOOD, tmp_path / "none" / "x.pdf")
