"""What is emitted is right: `derive-bn test` accepts it for every layer and target, and so does gradgradcheck."""

from importlib.util import find_spec
from inspect import signature

import numpy as np
import pytest

from derive.emit import TARGETS, emit, load, names
from derive.errors import DeriveError
from derive.layers import load as layer_of
from derive.layers import names as layer_names
from derive.testing import examine
from derive.testing.arrangement import arrangements
from derive.testing.battery import Case, draw
from derive.testing.truth import Truth


def target(name):
    return pytest.param(name, marks=pytest.mark.skipif(find_spec(name) is None, reason=f"{name} is not installed"))


EVERY_TARGET = pytest.mark.parametrize("target", [target(name) for name in TARGETS])
EVERY_LAYER = pytest.mark.parametrize("layer", layer_names())


@pytest.fixture
def written(tmp_path):
    """The place of an emitted backward function, for `derive-bn test`."""

    def write(layer, target):
        file = tmp_path / f"{target}_{layer.replace('-', '_')}.py"
        file.write_text(emit(layer, target))
        return f"{file}:{names(layer).backward}"

    return write


@pytest.mark.slow
@EVERY_TARGET
@EVERY_LAYER
def test_derive_bn_test_accepts_it_without_loss_of_accuracy(written, layer, target):
    found = examine(written(layer, target), layer, framework=target)
    truth = Truth(arrangements(layer)[0])
    assert found.passed, found
    assert tuple(output.of for output in found.outputs) == truth.names
    assert not any(output.inaccurate for output in found.outputs)
    assert not found.notes


@pytest.mark.parametrize("target", TARGETS)
@EVERY_LAYER
def test_a_file_stands_alone_and_says_what_it_is(layer, target):
    source = emit(layer, target)
    compile(source, "emitted", "exec")
    imported = {
        line.split()[1].partition(".")[0] for line in source.splitlines() if line.startswith(("import", "from"))
    }
    assert imported <= {"numpy", "torch", "jax", "functools", "math"}
    for said in (layer_of(layer).title, "Memory traffic", "after proving them for every"):
        assert said in source
    assert max(map(len, source.splitlines())) <= 100


@EVERY_LAYER
def test_forward_gives_the_output_of_the_layer(layer):
    subject = arrangements(layer)[0]
    truth = Truth(subject)
    sizes = dict(zip(subject.axes, (4, 3, 5, 2), strict=False))
    inputs = draw(Case(0, sizes), subject, truth.derivation.graph, positive=True).inputs
    module = load(emit(layer, "numpy"))
    forward = getattr(module, names(layer).forward)
    given = [subject.to_program(subject.quantities[name], np.asarray(one)) for name, one in inputs.items()]
    if "groups" in signature(forward).parameters:
        given.insert(list(signature(forward).parameters).index("groups"), sizes[str(subject.layer.joined[0])])
    found = forward(*given)
    output = subject.layer.output
    expected = subject.to_program(output, truth.saved(inputs)[truth.derivation.graph.output.name])
    np.testing.assert_allclose(found[0] if isinstance(found, tuple) else found, expected, 1e-12)


def tensors(layer, torch):
    """The inputs of a layer in PyTorch, those that have a gradient to be differentiated."""
    subject = arrangements(layer)[0]
    truth = Truth(subject)
    sizes = dict(zip(subject.axes, (3, 2, 4, 2), strict=False))
    inputs = draw(Case(0, sizes), subject, truth.derivation.graph, positive=True).inputs
    found = []
    for name, one in inputs.items():
        if not isinstance(one, np.ndarray):
            found.append(one)
            continue
        laid = torch.from_numpy(subject.to_program(subject.quantities[name], one).copy())
        found.append(laid.requires_grad_(name in truth.names))
    joined = subject.layer.joined
    return found, sizes[str(joined[0])] if joined else None


@pytest.mark.slow
@EVERY_LAYER
def test_torch_passes_gradcheck_and_gradgradcheck(layer):
    torch = pytest.importorskip("torch")
    function = getattr(load(emit(layer, "torch")), names(layer).function)
    given, groups = tensors(layer, torch)
    if groups is not None:
        given.insert(list(signature(function).parameters).index("groups"), groups)
    assert torch.autograd.gradcheck(function, given)
    assert torch.autograd.gradgradcheck(function, given)


@pytest.mark.parametrize(
    ("layer", "target", "said"),
    [("batchnorm", "numby", "There is no target 'numby'"), ("batchnrm", "numpy", "Did you mean 'batchnorm'")],
)
def test_what_cannot_be_emitted_is_an_error_that_says_why(layer, target, said):
    with pytest.raises(DeriveError, match=said):
        emit(layer, target)
