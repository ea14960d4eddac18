"""What formulas mean: exponentials, moments, norms, roots and powers, and denominators that are 0 everywhere."""

from __future__ import annotations

import pytest

MOMENTS = {
    "a mean in blackboard letters": (r"\mathbb{E}[x] = \mu", "p"),
    "a mean as a word": (r"\operatorname{mean}(x) = \mu", "p"),
    "a plain E": (r"E[x] = \mu", "p"),
    "a mean of squares": (r"\mathbb{E}[x^2] = \sigma^2 + \mu^2", "p"),
    "a mean of squares is no square": (r"\mathbb{E}[x^2] = \mu^2", "r"),
    "a variance": (r"\operatorname{Var}[x] = \sigma^2", "p"),
    "a variance in roman": (r"\mathrm{Var}(x) = \sigma^2", "p"),
    "twice a variance": (r"\mathrm{Var}(x) = 2 \sigma^2", "r"),
    "the short form of a variance": (r"\sigma^2 = \frac1m \sum_k x_k^2 - \mu^2", "p"),
    "with the wrong sign": (r"\sigma^2 = \frac1m \sum_k x_k^2 + \mu^2", "r"),
    "a norm": (r"\| x - \mu \|^2 = m \sigma^2", "p"),
    "a norm with its 2": (r"\frac1m \| x - \mu \|_2^2 = \sigma^2", "p"),
    "a norm is no square": (r"\| x - \mu \| = m \sigma^2", "r"),
    "n for n − 1": (r"\sigma^2 = \frac{1}{m-1} \sum_{k=1}^m (x_k - \mu)^2", "r"),
}


@pytest.mark.parametrize(("claim", "expected"), MOMENTS.values(), ids=MOMENTS)
def test_moments_and_norms(short, claim, expected):
    short.holds(f"NORMALIZED\n{claim}", f"ddd{expected}")


SOFTMAX = r"p_i = \frac{e^{z_i}}{\sum_{k=1}^n e^{z_k}}"
EXPONENTIALS = {
    "a sum of 1": (r"\sum_i p_i = 1", "p"),
    "its Jacobian": (r"⟨p_i|z_j⟩ = p_i (\delta_{ij} - p_j)", "p"),
    "its diagonal": (r"⟨p_i|z_i⟩ = p_i (1 - p_i)", "p"),
    "its diagonal, wrong": (r"⟨p_i|z_i⟩ = p_i (1 + p_i)", "r"),
    "backward": (r"⟨L|z_j⟩ = p_j (⟨L|p_j⟩ - \sum_i ⟨L|p_i⟩ p_i)", "p"),
    "backward, a sum lost": (r"⟨L|z_j⟩ = p_j (⟨L|p_j⟩ - ⟨L|p_j⟩ p_j)", "r"),
    "exp is e": (r"p_i \sum_k \exp(z_k) = e^{z_i}", "p"),
    "a product of exponentials": (r"e^{z_i} e^{-z_i} = 1", "p"),
    "a sum of exponentials is none": (r"e^{z_i} + e^{z_j} = e^{z_i + z_j}", "r"),
}


@pytest.mark.parametrize(("claim", "expected"), EXPONENTIALS.values(), ids=EXPONENTIALS)
def test_exponentials(short, claim, expected):
    short.holds(f"{SOFTMAX}\n{claim}", f"d{expected}")


ALGEBRA = {
    "a root squared": (r"(\sqrt{\sigma^2 + \epsilon})^2 = \sigma^2 + \epsilon", "p"),
    "a power for a root": (r"\hat{x}_i = (x_i - \mu) (\sigma^2 + \epsilon)^{-1/2}", "p"),
    "another power": (r"\hat{x}_i = (x_i - \mu) (\sigma^2 + \epsilon)^{-1}", "r"),
    "a root of a square is no number": (r"\sqrt{\gamma^2} = \gamma", "rug"),
    "a decimal": (r"0.5 \mu = \frac{\mu}{2}", "p"),
    "a wrong decimal": (r"0.333 \mu = \frac{\mu}{3}", "r"),
    "Σx̂² with ε": (r"\sum_i \hat{x}_i^2 = m - \frac{m \epsilon}{\sigma^2 + \epsilon}", "p"),
    "Σx̂² without ε": (r"\sum_i \hat{x}_i^2 = m", "r"),
    "a slash": (r"(x_i - \mu) / \sqrt{\sigma^2 + \epsilon} = \hat{x}_i", "p"),
    "a letter as an exponent": (r"\mu^m = \mu^m", "u"),
}


@pytest.mark.parametrize(("claim", "expected"), ALGEBRA.values(), ids=ALGEBRA)
def test_algebra(short, claim, expected):
    found = short.entries(f"BATCH\n{claim}")
    assert short.letters(found)[:4] == "dddd"
    assert short.letters(found)[4] in expected, short.told(found)


ZERO = [
    r"\frac{1}{x_1 - x_1} = \frac{1}{x_1 - x_1}",
    r"\frac{1}{\sum_k (x_k - \mu)} = \frac{1}{\sum_k (x_k - \mu)}",
    r"\frac{\mu}{\sum_k (x_k - \mu)} = \frac{2 \mu}{2 \sum_k (x_k - \mu)}",
    r"(\sum_k (x_k - \mu))^{-1} = 3",
    r"\frac{0}{\sum_k (x_k - \mu)} = 0",
    r"\frac{\sum_k (x_k - \mu)}{\sum_k (x_k - \mu)} = 1",
    r"\frac{1}{\sigma^2 - \frac1m \sum_k (x_k - \mu)^2} \cdot 0 = 0",
    r"\frac{1}{0} = \frac{1}{0}",
    r"\frac{x_i}{0} = x_i",
    r"0^{-1} = 0^{-1}",
    r"\mu / (m - m) = \mu / (m - m)",
    r"\frac{1}{\frac{1}{\sum_k (x_k - \mu)}} = 0",
    r"\frac{1}{\sqrt{\sum_k (x_k - \mu)}} = \frac{1}{\sqrt{\sum_k (x_k - \mu)}}",
    r"\sum_j \frac{1}{x_j - x_j} = \sum_j \frac{1}{x_j - x_j}",
    r"⟨\mu|x_i⟩ \frac{1}{\mu - \mu} = \frac{1}{m (\mu - \mu)}",
]


@pytest.mark.parametrize("claim", ZERO)
def test_a_denominator_that_is_0_everywhere_is_never_proved(short, claim):
    last = short.entries(f"NORMALIZED\n{claim}")[-1]
    assert last.verdict in {"undecided", "unreadable"}, short.told([last])
    assert last.reason


def test_a_definition_that_divides_by_0_proves_nothing(short):
    found = short.entries(r"PLAIN¶q = \frac{1}{\sum_k (x_k - \mu)}¶q = 2 q - q")
    assert short.letters(found)[-1] == "u", short.told(found)


CIRCLES = ["a = a + 1", r"a_i = \sum_j a_j¶a_i = 1"]


@pytest.mark.parametrize("lines", CIRCLES)
def test_definitions_in_a_circle_prove_nothing(short, lines):
    """And nothing about them is refuted that might hold: a = b + 1 is not false because b = a − 1."""
    found = short.entries(lines)
    assert "p" not in short.letters(found), short.told(found)


def test_what_a_definition_reads_may_be_solved_for(short):
    """b = a − 1 is a claim about b, which the definition of a already reads; so is x = x̂ s + μ."""
    short.holds("a = b + 1\nb = a - 1\na = b + 2", "dpr")
    short.holds(
        r"NORMALIZED¶x_i = \hat{x}_i \sqrt{\sigma^2 + \epsilon} + \mu¶x_i = \hat{x}_i \sqrt{\sigma^2} + \mu", "dddpr"
    )


def test_every_counterexample_has_two_values_that_differ(short):
    wrong = [claim for table in (MOMENTS, ALGEBRA) for claim, expected in table.values() if expected == "r"]
    for one in short.entries("\n".join(["BATCH", *wrong]))[4:]:
        assert one.verdict == "refuted", short.told([one])
        assert one.counterexample.left != one.counterexample.right
        assert all(size >= 1 for size in one.counterexample.sizes.values())


# Lines, and the verdicts they may get. What is false is never proved here, what is true never refuted.
NOT_WHAT_IT_SEEMS = {
    "an index as a number": (r"y_i = x_i¶\sum_{i=1}^m i x_i = i \sum_{k=1}^m x_k", "du"),
    "a sum of indices": (r"y_i = x_i¶\sum_{k=1}^m k = k m", "du"),
    "the same, and true": (r"y_i = x_i¶\sum_{i=1}^m i = \frac{m(m+1)}{2}", "du"),
    "an index as a number in a definition": (r"y_i = i x_i¶y_j = i x_j", "du"),
    "under a sum": (r"p = \sum_{k=1}^m x_k/k^2¶⟨p|x_j⟩ = 1/k^2", "du"),
    "outside of one": (r"y_k = x_k - \lambda k¶⟨L|\lambda⟩ = -k \sum_{j=1}^m ⟨L|y_j⟩", "du"),
    "a sum up to an index": (r"s_i = \sum_{k=1}^i x_k¶s_1 = s_2¶s_i = s_j", "duu"),
    "a sum that is 1 over another size": (r"q = \sum_{k=1}^n t_k¶\sum_{k=1}^m t_k = 1¶q^2 = q", "dgu"),
    "a loss that depends on inputs too": (
        r"y_i = 2 x_i¶l = f(y_1,\dots,y_m, x_1,\dots,x_m)¶⟨l|x_i⟩ = 2 ⟨l|y_i⟩",
        "ddu",
    ),
    "a loss of the other output": (r"z_i = 3 x_i¶y_i = 2 x_i¶l = f(z_1,\dots,z_m)¶⟨l|x_i⟩ = 3 ⟨l|z_i⟩", "dddp"),
    "a loss of what leads to its output": (
        r"h_i = 3 x_i¶y_i = 2 h_i¶l = f(h_1,\dots,h_m,y_1,\dots,y_m)¶⟨l|h_i⟩ = 2 ⟨l|y_i⟩",
        "dddu",
    ),
    "a loss of one element": (r"y_i = 3 x_i¶l = f(y_1)¶⟨l|y_2⟩ = 0", "ddu"),
    "a circle of three": (
        r"x_i = \hat{x}_i s¶\hat{x}_i = x_i / s¶s = \sqrt{\sum_{k=1}^m x_k^2}¶⟨L|x_i⟩ = \frac1s ⟨L|\hat{x}_i⟩",
        "dddu",
    ),
    "an input made of another": (r"\sum_{k=1}^m x_k = v¶q_i = x_i v¶⟨L|x_i⟩ = v ⟨L|q_i⟩", "gdu"),
    "an input with a name of the upstream gradient": (r"\sum_{k=1}^m x_k = h¶q_i = x_i h¶⟨L|x_i⟩ = h ⟨L|q_i⟩", "gdu"),
    "the letter of an index is no new name": (r"y = \sum_{i=1}^m x_i z_i¶⟨y|x_j⟩ = j", "du"),
    "nor is a size": (r"y = \sum_{i=1}^n x_i z_i¶⟨y|x_j⟩ = n¶⟨y|x_j⟩ = z_j", "drp"),
    "a definition that can't be read, the other way round": (
        r"\prod_k x_k = v¶q_i = x_i v¶⟨L|x_i⟩ = v ⟨L|q_i⟩",
        "!du",
    ),
    "an input by an equation": (r"2 v_i = x_i^2¶q_i = x_i v_i¶⟨L|x_i⟩ = v_i ⟨L|q_i⟩", "udu"),
    "a derivative the wrong way round": (
        r"v = \frac1m \sum_{k=1}^m x_k^2¶\sigma = \sqrt{v}¶⟨v|\sigma⟩ = 0¶⟨v|\sigma⟩ = 2 \sigma",
        "dduu",
    ),
    "a number for what has a formula": (r"y_i = x_i - \frac1m \sum_{k=1}^m x_k¶y_i = 5", "dr"),
}


@pytest.mark.parametrize(("lines", "expected"), NOT_WHAT_IT_SEEMS.values(), ids=NOT_WHAT_IT_SEEMS)
def test_what_is_not_what_it_seems(short, lines, expected):
    short.holds(lines, expected)
