"""Arguments of the wrong type: a message that says what to pass, or the value that is meant."""

import numpy as np
import pytest
import torch

import orbitscope as osc
from orbitscope.errors import InputError

HMM = osc.load_process("linear-2")
NETWORK = osc.build_network(3, hidden_size=4, input_size=2, generator=torch.Generator())
ROWS = np.array([[0, 1, 2], [0, 0, 1]])
ONE_HOT = np.eye(3, dtype=np.float32)[ROWS]
RNG = np.random.default_rng(0)


@pytest.mark.usefixtures("unchecked_annotations")
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: osc.sample_sequences(HMM, 3, 4, rng=0), r"`rng` must be a numpy.random.Generator, got 0"),
        (lambda: osc.build_random(2, 2, rng=0), r"np\.random\.default_rng\(SEED\)"),
        (
            lambda: osc.fit_baum_welch(ROWS, 2, 3, rng=None),
            "`rng` must be a numpy.random.Generator, got None",
        ),
        (lambda: osc.rollout(NETWORK, 3, 4, generator=0), "`generator` must be a torch.Generator, got 0"),
        (
            lambda: osc.sample_symbols(NETWORK, 3, 4, generator=0),
            r"Generator\(\)\.manual_seed\(SEED\)",
        ),
        (lambda: osc.build_network(3, generator=0), "`generator` must be a torch.Generator"),
        (lambda: osc.rollout(NETWORK, 3, 4, generator=RNG), "`generator` must be a torch.Generator"),
        (lambda: osc.sinkhorn_divergence(ONE_HOT, ONE_HOT), "must be a torch.Tensor, got ndarray"),
        (lambda: osc.SinkhornDivergence(ONE_HOT), "must be a torch.Tensor, got ndarray"),
        (lambda: osc.fit_baum_welch([[0, 1], [1]], 2, 2, rng=RNG), "got a list. `pad_sequences` makes one"),
        (
            lambda: osc.fit_baum_welch(ROWS, 2, 3, rng=RNG, lengths=[3]),
            "one length in 1 … 3 for each",
        ),
        (lambda: osc.fit_baum_welch(ROWS, 2, 3, rng=RNG, lengths=[3.5, 2]), "got shape \\(2,\\) of float64"),
        (lambda: osc.fit_baum_welch(ROWS, 2, 3, rng=RNG, lengths=[[3], [2, 1]]), "lengths"),
    ],
)
def test_wrong_types_are_named_with_what_to_pass(call, message):
    with pytest.raises(InputError, match=message):
        call()


@pytest.mark.usefixtures("unchecked_annotations")
def test_lengths_may_be_a_list():
    options = {"n_restarts": 1, "max_steps": 2}
    one, other = (
        osc.fit_baum_welch(ROWS, 2, 3, rng=np.random.default_rng(0), lengths=lengths, **options).hmm
        for lengths in ([3, 2], np.array([3, 2]))
    )
    assert one == other


def test_ragged_sequences_are_padded():
    padded, lengths = osc.pad_sequences([np.array([0, 1, 2]), np.array([1])])
    assert (padded.shape, lengths.tolist()) == ((2, 3), [3, 1])


def test_tensors_of_an_hmm_may_require_a_gradient():
    rows = torch.tensor([[0.9, 0.1], [0.2, 0.8]], dtype=torch.float64, requires_grad=True)
    hmm = osc.HMM(torch.tensor([0.5, 0.5]), rows, rows)
    np.testing.assert_allclose(hmm.transition_matrix, [[0.9, 0.1], [0.2, 0.8]], rtol=1e-6)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (([0.5, 0.5], [[0.9, 0.1], [0.0, 0.0]], np.eye(2)), "one that is never left has a 1 for itself"),
        (([0.5, 0.5], np.eye(2), [[0.0, 0.0], [0.5, 0.5]]), "A row of zeros cannot be"),
        (([0.5, 0.5], np.log([[0.9, 0.1], [0.2, 0.8]]), np.eye(2)), r"If these are logarithms, take np\.exp"),
        (([0.5, 0.5], [[1.1, -0.1], [0.2, 0.8]], np.eye(2)), "Replace it, then make the row sum to 1"),
    ],
)
def test_remedies_fit_what_is_wrong(arrays, message):
    with pytest.raises(InputError, match=message):
        osc.HMM(*arrays)
