import subprocess
import sys
from collections import OrderedDict

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from orbitscope.errors import InputError
from orbitscope.importers import import_state_dict
from orbitscope.network import build_network, sample_symbols
from orbitscope.run_import import import_run
from orbitscope.runs import save_tensors


class Published(nn.Module):
    """A network as in the published code: PyTorch layers and names."""

    def __init__(self, recurrent=nn.RNN, *, bias=False, readout_bias=False, **options):
        super().__init__()
        options = {"nonlinearity": "relu"} | options if recurrent is nn.RNN else options
        self.rnn = recurrent(5, 8, bias=bias, **options)
        self.fc = nn.Linear(8, 3, bias=readout_bias)

    def forward(self, noise):
        return self.fc(self.rnn(noise)[0])


@pytest.fixture
def noise():
    return torch.randn(12, 4, 5, generator=torch.Generator().manual_seed(0))


def make_published(**options):
    torch.manual_seed(3)
    return Published(**options)


def save(tmp_path, content, name="network.pt"):
    path = tmp_path / name
    if name.endswith(".safetensors"):
        save_file(content, path)
    else:
        torch.save(content, path)
    return path


def run(network, noise):
    return network.compute_logits(network.unroll(network.initial_state(noise.shape[1]), noise)).detach()


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("readout_bias", [False, True])
@pytest.mark.parametrize("name", ["network.pt", "network.pth", "network.safetensors"])
def test_imported_network_does_what_the_original_did(tmp_path, noise, bias, readout_bias, name):
    original = make_published(bias=bias, readout_bias=readout_bias)
    network = import_state_dict(save(tmp_path, original.state_dict(), name), cell="relu")
    torch.testing.assert_close(run(network, noise), original(noise).detach())
    assert (network.hidden_size, network.input_size, network.n_symbols) == (8, 5, 3)
    assert (network.cell.bias is not None) == (network.out_bias is not None) == (bias or readout_bias)
    assert network.cell.name == "relu"


def test_tanh_networks_are_named_by_the_caller(tmp_path, noise):
    original = make_published(nonlinearity="tanh")
    path = save(tmp_path, original.state_dict())
    torch.testing.assert_close(run(import_state_dict(path, cell="tanh"), noise), original(noise).detach())
    with pytest.raises(InputError, match=r"unknown cell `lstm`.*Valid: relu, tanh"):
        import_state_dict(path, cell="lstm")


def test_the_cell_has_no_default(tmp_path):
    path = save(tmp_path, make_published().state_dict())
    with pytest.raises(TypeError, match="required.*argument: 'cell'"):
        import_state_dict(path)  # pyright: ignore[reportCallIssue]
    with pytest.raises(TypeError, match="required.*argument: 'cell'"):
        import_run(path, tmp_path / "run", process="linear-2")  # pyright: ignore[reportCallIssue]
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "wrap",
    [
        lambda s: {f"module.net.{k}": v for k, v in s.items()},
        lambda s: {"state_dict": s, "epoch": 4, "loss": 0.5},
        lambda s: {"model": OrderedDict(s), "optimizer": {"state": {0: {"exp_avg": torch.ones(8, 8)}}}},
        lambda s: {"checkpoint": {"state_dict": {f"model.{k}": v for k, v in s.items()}}},
        lambda s: {k: v.double() for k, v in s.items()},
        lambda s: {k.replace("fc", "head.linear"): v for k, v in s.items()},
        lambda s: {k.replace("fc", "decoder"): v.T.contiguous().T for k, v in s.items()},
        lambda s: {k.replace("_l0", "").replace("rnn", "cell"): v for k, v in s.items()},  # torch.nn.RNNCell
        lambda s: {**s, "n_batches_seen": torch.tensor(7)},
    ],
)
def test_prefixes_nesting_and_names_of_the_readout_do_not_matter(tmp_path, noise, wrap):
    original = make_published()
    network = import_state_dict(save(tmp_path, wrap(original.state_dict())), cell="relu")
    torch.testing.assert_close(run(network, noise), original(noise).detach())


@pytest.mark.parametrize("bias", [False, True])
def test_our_own_weights_are_read_back_exactly(tmp_path, bias):
    generator = torch.Generator().manual_seed(1)
    network = build_network(4, hidden_size=6, input_size=2, bias=bias, generator=generator)
    save_tensors(tmp_path / "weights.safetensors", network.state_dict(), {"epoch": 3})
    restored = import_state_dict(tmp_path / "weights.safetensors", cell="relu")
    assert restored.state_dict().keys() == network.state_dict().keys()
    for name, weight in network.state_dict().items():
        assert torch.equal(restored.state_dict()[name], weight)
    symbols = [
        sample_symbols(n, 9, 9, generator=torch.Generator().manual_seed(2)) for n in (network, restored)
    ]
    assert torch.equal(*symbols)


def test_prefix_chooses_among_several_networks(tmp_path, noise):
    first, second = make_published(), Published()
    both = {f"{tag}.{k}": v for tag, m in (("a", first), ("ab", second)) for k, v in m.state_dict().items()}
    path = save(tmp_path, both)
    torch.testing.assert_close(
        run(import_state_dict(path, cell="relu", prefix="ab."), noise), second(noise).detach()
    )
    torch.testing.assert_close(
        run(import_state_dict(path, cell="relu", prefix="a."), noise), first(noise).detach()
    )
    with pytest.raises(
        InputError, match=r"one recurrent layer, got a\.rnn\.weight_hh_l0, ab\.rnn.*by `prefix`"
    ):
        import_state_dict(path, cell="relu")
    with pytest.raises(InputError, match=r"`prefix` must begin the names .* got `c\.`\. Names there: a\.rnn"):
        import_state_dict(path, cell="relu", prefix="c.")


@pytest.mark.parametrize(("layer", "words"), [(nn.LSTM, "4 gates.*an LSTM"), (nn.GRU, "3 gates.*a GRU")])
def test_gated_networks_are_recognised_and_refused(tmp_path, layer, words):
    path = save(tmp_path, make_published(recurrent=layer).state_dict())
    with pytest.raises(
        InputError, match=rf"`rnn.weight_hh_l0` .*{words}\. Supported are the cells relu, tanh"
    ):
        import_state_dict(path, cell="relu")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"rnn.weight_hh_l0": torch.zeros(8, 7)},
            r"`rnn.weight_hh_l0` must have shape \(hidden, hidden\), got \(8",
        ),
        (
            {"rnn.weight_hh_l0": torch.zeros(8)},
            r"`rnn.weight_hh_l0` must have shape \(hidden, hidden\), got \(8,\)",
        ),
        (
            {"rnn.weight_ih_l0": torch.zeros(9, 5)},
            r"`rnn.weight_ih_l0` must have shape \(8, any\), got \(9, 5\)",
        ),
        ({"fc.weight": torch.zeros(3, 9)}, r"`fc.weight` must have shape \(any, 8\), got \(3, 9\)"),
        ({"fc.bias": torch.zeros(4)}, r"`fc.bias` must have shape \(3,\), got \(4,\)"),
        ({"rnn.bias_hh_l0": torch.zeros(4)}, r"`rnn.bias_hh_l0` must have shape \(8,\), got \(4,\)"),
        ({"fc.weight": torch.full((3, 8), torch.nan)}, r"`w_out` must be finite, got NaN"),
        ({"fc.weight": torch.zeros(1, 8)}, r"`n_symbols` must be ≥ 2, got 1"),
        ({"rnn.weight_hh_l1": torch.zeros(8, 8)}, r"`rnn.weight_hh_l1` belongs to several layers"),
        (
            {"rnn.weight_hh_l0_reverse": torch.zeros(8, 8)},
            r"`rnn.weight_hh_l0_reverse` belongs to two directions",
        ),
        ({"norm.weight": torch.ones(8)}, r"does not have: norm.weight \(8,\)\. Remove"),
        ({"rnn.weight_ih_l0": None}, r"`rnn.weight_ih_l0` is missing beside `rnn.weight_hh_l0`"),
        (
            {"rnn.weight_hh_l0": None},
            r"must hold the weights rnn.weight_ih_l0, .*, got: rnn.weight_ih_l0 \(8, 5\)",
        ),
        ({"fc.weight": None}, r"one readout `….weight` of shape \(symbol, 8\), got none among: none"),
        (
            {"fc.weight": None, "a.weight": torch.zeros(3, 8), "b.weight": torch.zeros(4, 8)},
            r"one readout .* got a.weight, b.weight\. Name it fc.weight",
        ),
        (
            {"fc.weight": None, "a.weight": torch.zeros(3, 9)},
            r"\(symbol, 8\), got none among: a.weight \(3, 9\)",
        ),
    ],
)
def test_shapes_are_checked_by_name(tmp_path, changes, message):
    weights = make_published().state_dict() | changes
    path = save(tmp_path, {name: tensor for name, tensor in weights.items() if tensor is not None})
    with pytest.raises(InputError, match=message) as caught:
        import_state_dict(path, cell="relu")
    assert str(path) in str(caught.value)


def test_pickles_are_not_opened(tmp_path):
    path = save(tmp_path, make_published())
    with pytest.raises(
        InputError, match=r"must hold tensors only, got .* whole module.*state_dict\(\)"
    ) as caught:
        import_state_dict(path, cell="relu")
    text = str(caught.value).removeprefix(f"`{path}` ")
    assert "\x1b" not in text
    assert "Weights only load failed" not in text


def test_files_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(InputError, match=r"must be an existing file, got none there\. Check"):
        import_state_dict(tmp_path / "absent.pt", cell="relu")
    with pytest.raises(InputError, match=r"must end in .pt, .pth, .ckpt or .safetensors, got `.pkl`\. Save"):
        import_state_dict(tmp_path / "network.pkl", cell="relu")
    with pytest.raises(InputError, match=r"mapping from names to tensors, got Tensor"):
        import_state_dict(save(tmp_path, torch.zeros(3)), cell="relu")
    with pytest.raises(InputError, match=r"must hold the weights .*, got: none"):
        import_state_dict(save(tmp_path, {"epoch": 3}), cell="relu")


@pytest.mark.parametrize("name", ["network.pt", "network.safetensors"])
def test_truncated_files_are_refused(tmp_path, name):
    path = save(tmp_path, make_published().state_dict(), name)
    content = path.read_bytes()
    for length in (0, 1, 10, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(InputError, match=name):
            import_state_dict(path, cell="relu")


def test_reading_sequences_does_not_load_torch():
    code = "import sys; from orbitscope.importers import load_sequences; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
