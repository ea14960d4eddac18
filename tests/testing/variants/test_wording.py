"""Edits in the words of somebody who wrote the formula as a program: what is wrong, and where."""

import pytest
from observing import derived

from derive.meaning.edits import edits
from derive.notation import text
from derive.testing.variants.formulas import Formulas
from derive.testing.variants.variant import edits_of, teller
from derive.testing.variants.wording import listed

BATCHNORM, LAYERNORM, OUTSIDE = (
    Formulas(derived(*layer), "x")
    for layer in (("batchnorm", ("m", "n")), ("layernorm", ("N", "D")), ("rmsnorm-eps-outside", ("N", "D")))
)


def line_of(formulas, name):
    if name == "dx":
        return formulas.target
    return next(line for line in (*formulas.forward, *formulas.staged) if name == text(line.name))


def told(formulas, name):
    """Every single edit of a line: the author's signs, and the words."""
    line = line_of(formulas, name)
    say = teller(formulas, line)
    return [(edit.edit, say.tell(line.tree, edit)) for edit in edits(line.tree, formulas.material(line))]


# Formulas, line, the edit in the author's signs, the words
SAID = [
    (BATCHNORM, "dx", "without the numerator γ_j", "γ is missing"),
    (BATCHNORM, "dx", "m g_ij divided by γ_j", "γ is missing on the m·dy term"),
    (BATCHNORM, "dx", "the factor γ_j added to m g_ij", "γ is applied twice on the m·dy term"),
    (
        BATCHNORM,
        "dx",
        "the factor β_j added to m g_ij",
        "the m·dy term is multiplied by β, which does not belong there",
    ),
    (BATCHNORM, "dx", "the factor 2 added to m g_ij", "the m·dy term is doubled"),
    (BATCHNORM, "dx", "m g_ij divided by 2", "the m·dy term is halved"),
    (BATCHNORM, "dx", "m − 1 for m", "dx is divided by m − 1, not m"),
    (BATCHNORM, "dx", "n for m", "dx is divided by n, not m"),
    (BATCHNORM, "dx", "without the factor m", "dx is not divided by m"),
    (BATCHNORM, "dx", "without the denominator m√(σ²_j + ε)", "dx is not divided by m and √(σ² + ε)"),
    (BATCHNORM, "dx", "no √", "the √ over σ² + ε is missing"),
    (BATCHNORM, "dx", "the power 3/2 for √", "dx is divided by √(σ² + ε) three times"),
    (BATCHNORM, "dx", "without the term ε", "ε is missing in √(σ² + ε)"),
    (BATCHNORM, "dx", "without the term −Σ_k g_kj", "the Σ dy term is missing"),
    (BATCHNORM, "dx", "+ before Σ_k g_kj", "the Σ dy term has the wrong sign"),
    (BATCHNORM, "dx", "x_ij for x̂_ij", "x stands where x̂ belongs in the x̂·Σ dy·x̂ term"),
    (BATCHNORM, "dx", "x_kj for x̂_kj", "x stands where x̂ belongs inside the Σ in the x̂·Σ dy·x̂ term"),
    (BATCHNORM, "dx", "x̂_ij for x̂_kj", "x̂ stands outside the Σ of the x̂·Σ dy·x̂ term, not inside"),
    (BATCHNORM, "dx", "without the factor g_kj", "dy is missing inside the Σ on the x̂·Σ dy·x̂ term"),
    (
        BATCHNORM,
        "dx",
        "a bracket around Σ_k g_kj",
        "the Σ ends too early: it covers only dy in the x̂·Σ dy·x̂ term",
    ),
    (
        BATCHNORM,
        "dx",
        "no bracket around m g_ij − Σ_k g_kj − x̂_ij Σ_k g_kj x̂_kj",
        "what stands before the bracket multiplies only m·dy",
    ),
    (BATCHNORM, "σ²", "m − 1 for m", "σ² is divided by m − 1, not m"),
    (BATCHNORM, "σ²", "3 for 2", "x − μ has the exponent 3, not 2 inside the Σ in σ²"),
    (BATCHNORM, "σ²", "without the term −μ_j", "μ is missing in (x − μ)² of σ²"),
    (BATCHNORM, "σ²", "− before (1/m) Σ_k (x_kj − μ_j)²", "σ² has the wrong sign"),
    (BATCHNORM, "x̂", "without the denominator √(σ²_j + ε)", "x̂ is not divided by √(σ² + ε)"),
    (BATCHNORM, "x̂", "without the term ε", "ε is missing in √(σ² + ε) of x̂"),
    (BATCHNORM, "∂L/∂σ²", "without the factor 2", "the factor 1/2 is missing in ∂L/∂σ²"),
    (BATCHNORM, "∂L/∂σ²", "3 for 2", "∂L/∂σ² has the factor 1/3, not 1/2"),
    (BATCHNORM, "∂L/∂σ²", "1/2 for 3/2", "σ² + ε has the exponent 1/2, not 3/2 in ∂L/∂σ²"),
    (LAYERNORM, "dx", "γ_j for γ_k", "γ stands outside the Σ of the Σ γ·dy term, not inside"),
    (LAYERNORM, "dx", "D divided by D", "D is missing on the D·γ·dy term"),
]


@pytest.mark.parametrize(("formulas", "name", "signs", "words"), SAID, ids=[f"{row[1]}: {row[2]}" for row in SAID])
def test_an_edit_is_told_by_its_kind_and_place(formulas, name, signs, words):
    assert words in [said for edit, said in told(formulas, name) if edit == signs]


REWRITTEN = [
    (BATCHNORM, "dx", "x stands where x̂ belongs, everywhere"),
    (BATCHNORM, "dx", "x − μ stands where x̂ belongs, everywhere"),
    (BATCHNORM, "dx", "1/√(σ² + ε) stands where √(σ² + ε) belongs"),
    (BATCHNORM, "dx", "γ is missing on the m·dy and Σ dy terms"),
    (BATCHNORM, "dx", "the Σ dy and x̂·Σ dy·x̂ terms are not divided by √(σ² + ε)"),
    (BATCHNORM, "dx", "ε is added outside the √"),
    (BATCHNORM, "dx", "x is added to dy"),
    (BATCHNORM, "dx", "the Σ over dy is missing"),
    (BATCHNORM, "dx", "√m stands where m belongs"),
    (LAYERNORM, "dx", "γ is missing"),
    (LAYERNORM, "dx", "γ stands outside every Σ, not inside"),
    (LAYERNORM, "dx", "the Σ over γ·dy runs over N, not over D"),
    (LAYERNORM, "dx", "y stands where x̂ belongs in the x̂·Σ γ·dy·x̂ term"),
    (OUTSIDE, "x̂", "ε is added inside the √"),
]


@pytest.mark.parametrize(("formulas", "name", "words"), REWRITTEN, ids=[f"{row[1]}: {row[2]}" for row in REWRITTEN])
def test_what_is_one_mistake_in_several_places_is_told_as_one(formulas, name, words):
    assert words in {one.words() for one in edits_of(formulas, line_of(formulas, name))}


@pytest.mark.parametrize("formulas", [BATCHNORM, LAYERNORM, OUTSIDE])
def test_nearly_every_edit_has_words_of_its_own(formulas):
    """What is left in the author's signs is what nobody means, such as a fraction upside down."""
    names = ("dx", *(text(line.name) for line in (*formulas.forward, *formulas.staged)))
    found = [pair for name in names for pair in told(formulas, name)]
    left = [signs for signs, words in found if words.endswith(f": {signs}")]
    assert len(left) < 0.02 * len(found)


@pytest.mark.parametrize(("words", "said"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")])
def test_lists_are_said_with_and(words, said):
    assert listed(words) == said
