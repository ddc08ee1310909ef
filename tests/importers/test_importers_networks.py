import subprocess
import sys
from collections import OrderedDict

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from orbitscope.errors import InputError
from orbitscope.hmm import HMM, load_preset
from orbitscope.importers import import_state_dict
from orbitscope.network import build_network, sample_symbols
from orbitscope.process import RecordedSequences
from orbitscope.runs import save_tensors
from orbitscope.workflows.import_network import import_run


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


def test_the_cell_has_no_default_where_weights_alone_are_given(tmp_path):
    weights = make_published().state_dict()
    for source in (save(tmp_path, weights), weights):
        with pytest.raises(
            InputError, match=r"`cell` must be relu or tanh, got none\. .*nonlinearity='relu'"
        ):
            import_state_dict(source)
        with pytest.raises(InputError, match=r"`cell` must be relu or tanh, got none"):
            import_run(source, tmp_path / "run", process="linear-2")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("nonlinearity", ["relu", "tanh"])
@pytest.mark.parametrize("bias", [False, True])
def test_a_module_in_memory_does_what_it_did_step_by_step(noise, nonlinearity, bias):
    original = make_published(nonlinearity=nonlinearity, bias=bias, readout_bias=bias)
    with torch.no_grad():
        original.rnn.weight_hh_l0.mul_(3)  # strong recurrence, so that an error would grow
        for name, parameter in original.named_parameters():
            if "bias" in name:
                parameter.copy_((64 * parameter).round() / 64)  # PyTorch's two biases add up exactly
    network = import_state_dict(original)
    assert network.cell.name == nonlinearity

    original, network, noise = original.double(), network.double(), noise.double()
    expected, state = original(noise).detach(), network.initial_state(4)
    for noise_t, logits in zip(noise, expected, strict=True):
        state = network.step(state, noise_t).detach()
        torch.testing.assert_close(network.compute_logits(state).detach(), logits, rtol=1e-12, atol=1e-12)


class Cellular(nn.Module):
    def __init__(self, recurrent):
        super().__init__()
        self.inner = nn.ModuleDict({"rnn": recurrent, "fc": nn.Linear(8, 3)})


def test_the_layer_with_the_weights_tells_the_cell():
    assert import_state_dict(Cellular(nn.RNN(5, 8))).cell.name == "tanh"
    assert import_state_dict(Cellular(nn.RNNCell(5, 8, nonlinearity="relu"))).cell.name == "relu"
    ours = build_network(3, cell="tanh", hidden_size=6, generator=torch.Generator().manual_seed(1))
    assert import_state_dict(ours).cell.name == "tanh"
    both = nn.ModuleDict({"a": Cellular(nn.RNN(5, 8)), "b": Cellular(nn.RNN(5, 8, nonlinearity="relu"))})
    assert [import_state_dict(both, prefix=p).cell.name for p in ("a.", "b.")] == ["tanh", "relu"]


def test_a_cell_that_is_not_the_modules_is_refused():
    assert import_state_dict(make_published(), cell="relu").cell.name == "relu"
    with pytest.raises(
        InputError,
        match=r"`module Published in memory`: `cell` must be `relu` like the layer `rnn`, got `tanh`",
    ):
        import_state_dict(make_published(), cell="tanh")


def test_a_module_without_a_known_layer_needs_a_cell(noise):
    class HandWritten(nn.Module):
        def __init__(self, weights):
            super().__init__()
            for name, weight in weights.items():
                self.register_parameter(name, nn.Parameter(weight))

    original = make_published()
    names = {"rnn.weight_hh_l0": "weight_hh", "rnn.weight_ih_l0": "weight_ih", "fc.weight": "w_out"}
    module = HandWritten({names[name]: weight for name, weight in original.state_dict().items()})
    with pytest.raises(InputError, match="`cell` must be relu or tanh, got none"):
        import_state_dict(module)
    torch.testing.assert_close(run(import_state_dict(module, cell="relu"), noise), original(noise).detach())


def test_weights_in_memory_are_copied_and_checked_like_those_of_a_file():
    original = make_published()
    for source in (original, original.state_dict(), {"model": dict(original.named_parameters())}):
        network = import_state_dict(source, cell="relu")
        before = network.w_out.clone()
        with torch.no_grad():
            original.fc.weight.add_(1)
        assert torch.equal(network.w_out, before)
        with pytest.raises(InputError, match=r"in memory`: `prefix` must begin the names"):
            import_state_dict(source, cell="relu", prefix="c.")
    broken = original.state_dict() | {"fc.weight": torch.zeros(3, 9)}
    with pytest.raises(InputError, match=r"`state dict in memory`: `fc.weight` must have shape \(any, 8\)"):
        import_state_dict(broken, cell="relu")
    for layer, word in ((nn.LSTM, "an LSTM"), (nn.GRU, "a GRU")):
        with pytest.raises(InputError, match=rf"`module Published in memory`: .*{word}"):
            import_state_dict(make_published(recurrent=layer))


def test_a_run_is_made_of_a_module_or_a_state_dict_and_says_so(tmp_path):
    module = make_published()
    runs = [
        import_run(module, tmp_path / "module", process="linear-3"),
        import_run(module.state_dict(), tmp_path / "dict", process="linear-3", cell="relu"),
        import_run(save(tmp_path, module.state_dict()), tmp_path / "file", process="linear-3", cell="relu"),
    ]
    origins = [folder.read_provenance()["source"] for folder in runs]
    found = [origin["from"] for origin in origins]
    assert found == ["module Published in memory", "state dict in memory", str(tmp_path / "network.pt")]
    assert origins[0]["sha256"] == origins[1]["sha256"] != origins[2]["sha256"]
    assert all(len(origin["sha256"]) == 64 for origin in origins)
    assert all(torch.equal(folder.load_network().w_out, module.fc.weight) for folder in runs)
    assert "weights from module Published in memory" in runs[0].status.read_text()
    with torch.no_grad():
        module.fc.weight[0, 0] += 1
    other = import_run(module, tmp_path / "other", process="linear-3").read_provenance()["source"]
    assert other["sha256"] != origins[0]["sha256"]


def test_a_nameless_process_does_not_hinder_a_network_in_memory(tmp_path):
    hmm = load_preset("linear-3").hmm
    nameless = HMM(hmm.initial_probs, hmm.transition_matrix, hmm.emission_probs)
    folder = import_run(make_published(), tmp_path / "run", hmm=nameless)
    assert folder.read_settings().process == "unnamed"
    assert folder.read_hmm() == nameless


def test_a_network_needs_no_process(tmp_path):
    module = make_published()
    folder = import_run(module, tmp_path / "run")
    assert folder.read_process() is None
    assert folder.read_settings().process == ""
    assert folder.read_settings().symbol_names == ("0", "1", "2")
    assert torch.equal(folder.load_network().w_out, module.fc.weight)
    named = import_run(module, tmp_path / "named", symbol_names=["a", "b", "c"])
    assert named.read_settings().symbol_names == ("a", "b", "c")
    with pytest.raises(InputError, match=r"must name the 3 rows of the readout, got 2: a, b\. Give one"):
        import_run(module, tmp_path / "other", symbol_names=["a", "b"])
    with pytest.raises(InputError, match=r"must be those of the process, 0, 1, 2, got a, b, c\. Leave"):
        import_run(module, tmp_path / "other", process="linear-3", symbol_names=["a", "b", "c"])
    assert not (tmp_path / "other" / "config.toml").exists()


def test_recorded_sequences_are_the_process_of_a_network(tmp_path):
    recorded = RecordedSequences([[0, 1, 1], [2]], symbol_names=["a", "b", "c"], name="song")
    folder = import_run(make_published(), tmp_path / "run", sequences=recorded)
    assert folder.read_process() == recorded
    assert folder.read_settings().process == "song"
    assert folder.read_settings().symbol_names == ("a", "b", "c")
    hmm = load_preset("linear-3").hmm
    with pytest.raises(InputError, match=r"at most one process, got `hmm` and `sequences`\. Drop one"):
        import_run(make_published(), tmp_path / "other", hmm=hmm, sequences=recorded)
    with pytest.raises(InputError, match="a symbol for each of the 3 rows of the readout, got 2 symbols"):
        import_run(make_published(), tmp_path / "other", sequences=RecordedSequences([[0, 1]]))


def test_names_of_symbols_say_which_row_of_the_readout_is_which_word(tmp_path):
    recorded = RecordedSequences([[0, 1, 1], [0]], symbol_names=["rain", "sun"], name="weather")
    names = ["sun", "snow", "rain"]
    folder = import_run(make_published(), tmp_path / "run", sequences=recorded, symbol_names=names)
    process = folder.read_process()
    assert process == RecordedSequences([[2, 0, 0], [2]], symbol_names=names)
    assert process.name == folder.read_settings().process == "weather"
    assert folder.read_settings().symbol_names == tuple(names)
    for wrong, message in (
        (["sun", "snow", "fog"], "must hold all symbols that occur .* got sun, snow, fog without rain"),
        (["sun", "rain"], "must name the 3 rows of the readout, got 2: sun, rain"),
        (["sun", "rain", "sun"], "must be different names"),
    ):
        with pytest.raises(InputError, match=message):
            import_run(make_published(), tmp_path / "other", sequences=recorded, symbol_names=wrong)
    assert not (tmp_path / "other").exists()


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
        ({"fc.weight": torch.full((3, 8), torch.nan)}, r"`fc.weight` must be finite, got NaN"),
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
            r"one readout .* got a.weight \(3, 8\), b.weight \(4, 8\)\. Choose .* name it fc.weight",
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
    with pytest.raises(InputError, match=r"must hold tensors by name, got `epoch` \(int\)"):
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
