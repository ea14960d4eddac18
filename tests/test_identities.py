"""What a derivation rests on, in words and with a proof."""

import pytest
from sympy import S, sqrt

from derive.closed_form import Identity
from derive.derivation import derive
from derive.identities import canonical, explained
from derive.kernel import Proved, Refuted
from derive.layers import names
from derive.layers.batchnorm import eps, g, i, j, m, mu, var, x, xhat
from derive.layers.layer import total
from derive.report import report


@pytest.fixture(scope="module")
def bn():
    return derive("batchnorm")


EXPLAINED = {
    "deviations": (total(x[j] - mu, j, m), S.Zero, "The deviations from μ add up to 0", ("μ",), 3),
    "a variance": (total((x[j] - mu) ** 2, j, m), m * var, "A sum by the name of σ²", ("σ²",), 3),
    "normalized": (total(xhat[j], j, m), S.Zero, "A sum that vanishes", ("μ", "x̂"), 3),
    "a definition": (x[i] - mu, xhat[i] * sqrt(var + eps), "The definition of x̂ the other way round", ("x̂",), 2),
    "nothing needed": (total(2 * g[j], j, m), 2 * total(g[j], j, m), "A sum in other words", (), 2),
}


@pytest.mark.parametrize("row", EXPLAINED.values(), ids=EXPLAINED)
def test_an_identity_is_named_and_proved(bn, row):
    left, right, title, used, links = row
    found = explained(Identity(left, right), bn.graph, bn.kernel)
    assert isinstance(found.verdict, Proved)
    assert (found.title, set(found.used)) == (title, set(used))
    assert len(found.chain) <= links
    assert {found.chain[0], found.chain[-1]} == {left, right}
    pairs = zip(found.chain, found.chain[1:], strict=False)
    assert all(isinstance(bn.kernel.decide(one, other), Proved) for one, other in pairs)


def test_what_is_not_true_is_refuted_and_no_link_is_made_up(bn):
    found = explained(Identity(total(x[j], j, m), mu), bn.graph, bn.kernel)
    assert isinstance(found.verdict, Refuted)
    assert found.used == ()
    assert found.chain == (total(x[j], j, m), mu)


def test_the_letters_of_sums_do_not_matter():
    one, other = (Identity(total(x[k] - mu, k, m), S.Zero) for k in (i, j))
    assert one != other
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize("name", names())
def test_every_identity_that_a_step_cites_is_listed_once_and_proved(name):
    found = report(derive(name), stable=True)
    labels = [one.label for one in found.identities]
    assert labels == [f"I{number}" for number in range(1, len(labels) + 1)]
    cited = {one.label for line in (*found.steps, *found.closed_forms) for one in line.because}
    assert cited == set(labels)
    assert all(one.judged.verdict == "proved" for one in found.identities)
    assert len({one.formula.text for one in found.identities}) == len(labels)


def test_what_is_assumed_is_said():
    found = report(derive("softmax-cross-entropy"), stable=True)
    assert any([name.text for name in one.assumptions] == ["t_i"] for one in found.identities)
