"""Accuracy in every format: complete, the same numbers everywhere, in the width there is, and nothing looks better."""

from __future__ import annotations

import json
import re
import struct
import warnings
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from derive.errors import OutputError
from derive.report.accuracy import AccuracyLine, AccuracyReport
from derive.write import accuracy_plot as plots
from derive.write.accuracy import accuracy, plain
from derive.write.accuracy_json import accuracy_json
from derive.write.accuracy_markdown import accuracy_markdown
from derive.write.accuracy_plot import accuracy_plot
from derive.write.accuracy_words import columns_of, error, factors, measures, number, summary

EPS = (("float64", 2.0**-52), ("float32", 2.0**-23))
KAPPAS, SCALES, COUNTS = (0.0, 1.0, 1e2, 1e4, 1e6, 1e8), (1e-6, 1e6), (4, 1024)
FORMS = ("closed form", "staged", "sums multiplied out", "PyTorch (autodiff)", "PyTorch cosine_similarity")


def lines(form="closed form", gradient="dx", dtype="float64", power=1, far=None):
    """ε near zero, κ^power ε past that, no number from `far` on."""
    eps = dict(EPS)[dtype]
    places = [(kappa, 1.0, 64) for kappa in KAPPAS if kappa * eps <= 1]
    places += [(1.0, scale, 64) for scale in SCALES] + [(1.0, 1.0, m) for m in COUNTS]
    for kappa, scale, m in places:
        worst = None if far is not None and kappa >= far else eps * max(kappa, 1.0) ** power
        yield AccuracyLine(form, gradient, dtype, kappa, scale, m, 8, None if worst is None else 3 * worst, worst)


def made(*more, **changes):
    every = [line for dtype, _ in EPS for gradient in ("dx", "dγ") for line in lines(gradient=gradient, dtype=dtype)]
    report = AccuracyReport(
        layer="some-norm",
        title="Some normalization",
        digits=60,
        base=(1.0, 1.0, 64),
        counted=("C", "S"),
        gradients=("dx", "dγ"),
        data=1,
        forms=tuple(dict.fromkeys(one.form for one in (*every, *more))),
        epsilons=EPS,
        lines=(*every, *more),
        wrong=(),
        versions=(("NumPy", "9.9"),),
        stable=False,
    )
    return replace(report, **changes)


CANCELS = tuple(lines("sums multiplied out", power=2, far=1e8))
FULL = made(*CANCELS, *(line for form in FORMS[1:] if form != CANCELS[0].form for line in lines(form)))
REPORTS = {
    "plain": made(),
    "full": FULL,
    "wrong": made(wrong=("dx",)),
    "stable": made(*CANCELS, stable=True, versions=()),
    "overflows": made(lines=tuple(lines(far=1e4)), epsilons=EPS[:1], gradients=("dx",)),
    "one size": made(counted=("m",)),
    "no sizes": made(counted=()),
}


def shown(report, width, **options):
    text = StringIO()
    accuracy(report, Console(file=text, width=width, legacy_windows=False, **{"color_system": None, **options}))
    return text.getvalue()


# --- numbers and sentences ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1.0, "1"),
        (64, "64"),
        (1e2, "100"),
        (1024, "1024"),
        (1e4, "1e4"),
        (1e8, "1e8"),
        (1e-6, "1e-6"),
        (1e6, "1e6"),
    ],
)
def test_values_are_written_short(value, text):
    assert number(value) == text


@pytest.mark.parametrize(("value", "text"), [(None, "NaN"), (0.0, "0"), (1.6e-16, "2e-16"), (0.5, "5e-01")])
def test_errors_have_one_digit(value, text):
    assert error(value) == text


def test_what_loses_digits_is_summed_up_with_kappa():
    first, second = summary(made())
    assert first == (
        "float64: the closed form is within 1.0 machine epsilons where κ ≤ 1;"
        " 2e-14 at κ = 100, 2e-12 at κ = 1e4, 2e-10 at κ = 1e6, 2e-08 at κ = 1e8."
    )
    assert second.startswith("float32: the closed form is within 1.0 machine epsilons where κ ≤ 1; 1e-05 at κ = 100")


def test_what_loses_none_is_summed_up_without():
    (said,) = summary(made(lines=tuple(lines(power=0)), epsilons=EPS[:1]))
    assert said == "float64: the closed form is within 1.0 machine epsilons for every κ, scale and m."


def test_what_has_no_number_says_where():
    (said,) = summary(made(lines=tuple(lines(power=0, far=1e6)), epsilons=EPS[:1]))
    assert said.endswith("within 1.0 machine epsilons where it has a number; no number at κ = 1e6, κ = 1e8.")


def test_the_worst_of_all_gradients_counts():
    worse = tuple(replace(one, gradient="dβ", scaled=50 * one.scaled) for one in lines())
    assert "within 50.0 machine epsilons" in summary(made(*worse))[0]


def test_an_error_of_everything_is_not_told_in_machine_epsilons():
    bad = tuple(replace(one, scaled=0.3) for one in lines())
    assert "within 3e-01" in summary(made(lines=bad, epsilons=EPS[:1]))[0]


def test_stable_reports_have_powers_of_ten_only():
    report = made(lines=tuple(replace(one, scaled=1e-15) for one in lines()), epsilons=EPS[:1], stable=True)
    assert "within 1e-15" in summary(report)[0]
    assert factors(report) == ""
    assert "Errors are rounded up to a power of 10." in measures(report)


def test_a_wrong_claim_is_said_before_anything():
    assert any("dx: the closed form is another function" in one for one in summary(REPORTS["wrong"]))


def test_both_measures_are_told():
    assert factors(made()).endswith("by a factor of up to 3.0 for dx, 3.0 for dγ.")


@pytest.mark.parametrize(
    ("kind", "said"), [("plain", "m = C·S elements"), ("one size", "m elements"), ("no sizes", "m elements")]
)
def test_what_m_counts_is_told(kind, said):
    assert any(said in one for one in measures(REPORTS[kind]))


def test_each_thing_that_is_varied_has_its_columns_with_the_base():
    found = columns_of(made(), "float64")
    assert [(one.varied, one.value) for one in found] == [
        *(("κ", kappa) for kappa in KAPPAS),
        *(("scale", scale) for scale in (1e-6, 1.0, 1e6)),
        *(("m", m) for m in (4, 64, 1024)),
    ]


# --- terminal ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [80, 100, 200])
@pytest.mark.parametrize("kind", REPORTS)
def test_no_line_is_wider_than_the_terminal_and_none_is_padded(kind, width):
    for line in shown(REPORTS[kind], width).splitlines():
        assert len(line) <= width
        assert line == line.rstrip()


@pytest.mark.parametrize("width", [80, 200])
def test_every_form_gradient_dtype_and_error_is_there(width):
    text = shown(FULL, width)
    for dtype, eps in EPS:
        assert f"{dtype}, machine epsilon {eps:.1e}" in text
    for form in FORMS:
        assert f"\n  {form} " in text
    assert "\ndx\n" in text
    assert "\ndγ\n" in text
    for one in FULL.lines:
        assert error(one.scaled) in text


def test_a_wide_terminal_has_one_table_a_dtype_and_a_narrow_one_two():
    assert [shown(FULL, width).count("  sums multiplied out") for width in (200, 80)] == [1, 2]


def test_the_row_of_a_form_has_its_errors_in_the_order_of_the_columns():
    row = next(line for line in shown(FULL, 200).splitlines() if line.startswith("  sums multiplied out"))
    assert row.split()[3:] == ["2e-16", "2e-16", "2e-12", "2e-08", "2e-04", "NaN", *["2e-16"] * 4]


def test_where_nothing_was_measured_there_is_a_dash():
    report = made(*(one for one in lines("PyTorch (autodiff)") if one.kappa != 1e4))
    row = next(line for line in shown(report, 200).splitlines() if line.startswith("  PyTorch"))
    assert row.split()[2:6] == ["2e-16", "2e-16", "2e-14", "–"]


def test_a_useless_number_is_red_and_rounding_green():
    text = shown(FULL, 200, color_system="standard", force_terminal=True)
    assert re.search(r"\x1b\[1;31m *NaN", text)
    assert re.search(r"\x1b\[32m *2e-16", text)
    assert re.search(r"\x1b\[33m *2e-08", text)


def test_plain_text_has_no_colour():
    assert "\x1b" not in plain(FULL)
    assert plain(FULL).count("closed form") > 4


def test_versions_come_last_if_at_all():
    assert shown(made(), 80).rstrip().endswith("NumPy 9.9")
    assert "NumPy" not in shown(REPORTS["stable"], 80)


# --- JSON --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", REPORTS)
def test_json_holds_every_line(kind):
    report = REPORTS[kind]
    found = json.loads(accuracy_json(report), parse_constant=pytest.fail)
    assert [found[key] for key in ("layer", "verdict", "wrong")] == ["some-norm", report.verdict, list(report.wrong)]
    assert found["base"] == {"kappa": 1, "scale": 1, "m": 64}
    assert found["machine_epsilon"] == dict(report.epsilons)
    for one, line in zip(found["measured"], report.lines, strict=True):
        assert (one["form"], one["gradient"], one["dtype"]) == (line.form, line.gradient, line.dtype)
        assert (one["kappa"], one["scale"], one["m"], one["draws"]) == (line.kappa, line.scale, line.m, 8)
        assert (one["max_relative_error"], one["max_scaled_error"]) == (line.relative, line.scaled)


def test_json_counts_in_machine_epsilons():
    found = json.loads(accuracy_json(FULL))["measured"]
    assert {one["machine_epsilons"] for one in found if one["kappa"] <= 1} == {1.0}
    assert None in {one["machine_epsilons"] for one in found}


@pytest.mark.parametrize(("wrong", "verdict"), [((), "passed"), (("dx",), "failed")])
def test_the_verdict_is_on_the_claims_alone(wrong, verdict):
    assert made(wrong=wrong).verdict == verdict


# --- Markdown ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", REPORTS)
def test_markdown_tables_are_rectangles(kind):
    for block in accuracy_markdown(REPORTS[kind]).split("\n\n"):
        if block.startswith("|"):
            rows = [re.split(r"(?<!\\)\|", row) for row in block.splitlines()]
            assert len({len(row) for row in rows}) == 1
            assert rows[1][1:-1] == [" --- ", *[" ---: "] * (len(rows[0]) - 3)]


def test_markdown_has_both_measures():
    text = accuracy_markdown(made())
    assert text.count("| max\\|error\\| / natural magnitude |") == 4
    assert text.count("| max\\|error\\| / max\\|dx\\| |") == 2
    assert "| closed form | 2e-16 | 2e-16 | 2e-14 |" in text
    assert "| closed form | 7e-16 | 7e-16 | 7e-14 |" in text


# --- plots -------------------------------------------------------------------------------------------------------


@pytest.fixture
def drawing():
    """matplotlib, whose complaint that a layout did not fit is a failure."""
    pytest.importorskip("matplotlib")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize("kind", ["full", "overflows"])
def test_a_png_is_one(drawing, kind):
    content = accuracy_plot(REPORTS[kind], "png")
    assert content.startswith(b"\x89PNG\r\n")
    width, height = struct.unpack(">II", content[16:24])
    assert width >= 1600
    assert height >= 1000


def said_in(svg):
    """What is written in the drawing; matplotlib notes each text before its outlines."""
    return set(re.findall(r"<!-- (.*?) -->", svg.decode()))


def test_an_svg_names_everything(drawing):
    found = said_in(accuracy_plot(FULL, "svg"))
    assert set(FORMS) <= found
    assert {"κ = offset / scale of the data", "scale", "m", "0", "1e8", "1024", "1e-6"} <= found
    assert "Some normalization: the error of dx against 60 digits" in found
    assert {"ε", "κε", "κ²ε", "NaN"} <= found


def test_the_same_report_gives_the_same_drawing(drawing):
    for form in ("svg", "png"):
        assert accuracy_plot(FULL, form) == accuracy_plot(FULL, form)


def test_without_a_missing_number_there_is_no_mark_for_one(drawing):
    assert "NaN" not in said_in(accuracy_plot(made(), "svg"))


def test_curves_and_legend_differ_in_colour_marker_and_size():
    looks = [plots._looks(FULL)[form] for form in FULL.forms]
    assert len({look.colour for look in looks}) == len({look.marker for look in looks}) == len(FORMS)
    assert [look.size for look in looks] == sorted((look.size for look in looks), reverse=True)
    eight = plots._looks(replace(FULL, forms=tuple(f"form {count}" for count in range(7))))
    assert len({look.colour for look in eight.values()}) == 7


def test_nothing_lies_outside_of_the_picture_or_on_something_else(drawing):
    """Panels don't overlap, and the legend is below all of them."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(plots.WIDTH, 7), layout="constrained", dpi=100)
    plots._draw(figure, FULL, 1)
    FigureCanvasAgg(figure).draw()
    boxes = [axes.get_window_extent() for axes in figure.axes]
    assert len(boxes) == 6
    for place, box in enumerate(boxes):
        assert box.width > 80
        assert box.height > 60
        assert not any(box.overlaps(other) for other in boxes[:place])
    (legend,) = figure.legends
    below = legend.get_window_extent()
    assert below.y0 >= 0
    assert below.y1 <= min(axes.get_tightbbox().y0 for axes in figure.axes) + 1


def test_without_matplotlib_a_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setattr(plots, "find_spec", lambda _: None)
    with pytest.raises(OutputError, match=r"matplotlib, which is not installed\. Install it with: pip install"):
        accuracy_plot(FULL, "png")
