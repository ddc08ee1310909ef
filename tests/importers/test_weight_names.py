"""Weights under other names: found where one reading is certain, else refused with a remedy that works."""

import re

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune, remove_spectral_norm

from orbitscope.errors import InputError
from orbitscope.importers import import_state_dict
from orbitscope.workflows.import_network import import_run


class Network(nn.Module):
    def __init__(self, *, bias=True, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.rnn = nn.RNN(5, 8, bias=bias)
        self.fc = nn.Linear(8, 3, bias=bias)

    def forward(self, noise):
        return self.fc(self.rnn(noise)[0])


@pytest.fixture
def noise():
    return torch.randn(6, 2, 5, generator=torch.Generator().manual_seed(0))


def run(network, noise):
    return network.compute_logits(network.unroll(network.initial_state(noise.shape[1]), noise)).detach()


def rename(weights, *pairs):
    """Names with other beginnings."""
    renamed = {}
    for name, tensor in weights.items():
        for old, new in pairs:
            if name.startswith(old):
                name = new + name.removeprefix(old)
                break
        renamed[name] = tensor
    return renamed


def refuse(source, message, **options):
    with pytest.raises(InputError, match=message) as caught:
        import_state_dict(source, cell="tanh", **options)
    return str(caught.value)


# where the recurrent layer and the readout are


@pytest.mark.parametrize(
    "pairs",
    [
        [("rnn.", "encoder.rnn."), ("fc.", "decoder.")],
        [("rnn.", "encoder.rnn."), ("fc.", "")],
        [("rnn.", ""), ("fc.", "decoder.")],
        [("rnn.", "rnn.module.")],
        [("rnn.", "rnn._orig_mod.")],
        [("rnn.", "_orig_mod.rnn."), ("fc.", "_orig_mod.fc.")],
        [("rnn.", "module._orig_mod.rnn.module."), ("fc.", "module._orig_mod.fc.")],
        [("rnn.", "module.rnn."), ("fc.", "fc.")],
        [("rnn.", "_orig_mod.rnn."), ("fc.", "readout._orig_mod.")],
        [("rnn.", "net.encoder.rnn."), ("fc.", "net.encoder.head.")],  # `encoder` is what both are in
        [("rnn.", "0."), ("fc.", "1.")],
    ],
    ids=lambda pairs: " ".join(new for _, new in pairs),
)
def test_the_readout_may_be_anywhere(noise, pairs):
    original = Network()
    network = import_state_dict(rename(original.state_dict(), *pairs), cell="tanh")
    torch.testing.assert_close(run(network, noise), original(noise).detach())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_wrapped_modules_are_read_like_what_they_wrap(noise):
    original = Network()
    expected = original(noise).detach()
    inner = Network()
    inner.rnn = nn.DataParallel(inner.rnn)
    compiled = Network()
    compiled.rnn = torch.compile(compiled.rnn)
    for module in (nn.DataParallel(original), torch.compile(original), inner, compiled):
        network = import_state_dict(module)  # the layer inside tells its cell
        assert network.cell.name == "tanh"
        torch.testing.assert_close(run(network, noise), expected)
    script = torch.jit.script(original)
    torch.testing.assert_close(run(import_state_dict(script, cell="tanh"), noise), expected)


@pytest.mark.parametrize("name", ["encoder", "embedding", "model.embed", "inputLayer", "fc_in"])
def test_a_layer_before_the_recurrent_one_is_no_readout(noise, name):
    original = Network()
    weights = rename(original.state_dict(), ("fc.", f"{name}."))
    message = refuse(weights, rf"one readout .* got none that is called so among: {name}.weight \(3, 8\)")
    new = re.search(r"name it (\S+)weight \(its bias \1bias\)", message)[1]
    network = import_state_dict(rename(weights, (f"{name}.", new)), cell="tanh")
    torch.testing.assert_close(run(network, noise), original(noise).detach())


def test_one_of_several_readouts_is_chosen_by_its_name(noise):
    original = Network()
    weights = rename(original.state_dict(), ("rnn.", "net.rnn."), ("fc.", "a."))
    weights |= {"b.weight": torch.ones(4, 8), "b.bias": torch.ones(4)}
    message = refuse(weights, r"got a\.weight \(3, 8\), b\.weight \(4, 8\)\. Choose .* leave out the others")
    new = re.search(r"name it (\S+)weight", message)[1]
    named = rename(weights, ("a.", new))
    refuse(named, r"does not have: b\.weight \(4, 8\), b\.bias \(4,\)\..* Remove them if they do not act")
    kept = {name: tensor for name, tensor in named.items() if not name.startswith("b.")}
    torch.testing.assert_close(run(import_state_dict(kept, cell="tanh"), noise), original(noise).detach())


def test_a_readout_of_another_form_is_renamed_as_told(noise):
    original = Network()
    weights = original.state_dict()
    w_out, bias = weights.pop("fc.weight"), weights.pop("fc.bias")
    for there, remedy in (
        ({"readout": w_out, "b": bias}, lambda: {"fc.weight": w_out, "fc.bias": bias}),
        ({"readout": w_out.T, "b": bias}, lambda: {"fc.weight": w_out.T.T, "fc.bias": bias}),
        ({"head.weight": w_out.T, "b": bias}, lambda: {"fc.weight": w_out.T.T, "fc.bias": bias}),
        ({}, lambda: {"fc.weight": w_out, "fc.bias": bias}),
    ):
        message = refuse(
            weights | there, r"must hold one readout .* name it fc\.weight \(its bias fc\.bias\)\."
        )
        assert ("transpose it" in message) == any(t.shape == (8, 3) for t in there.values())
        network = import_state_dict(weights | remedy(), cell="tanh")
        torch.testing.assert_close(run(network, noise), original(noise).detach())


def test_the_bias_of_a_readout_is_not_dropped(noise):
    original = Network()
    weights = original.state_dict()
    weights["b_out"] = weights.pop("fc.bias")
    message = refuse(
        weights, r"does not have: b_out \(3,\)\. If `b_out` is added there, name it `fc\.bias`\."
    )
    weights[re.search(r"name it `(.*?)`", message)[1]] = weights.pop("b_out")
    torch.testing.assert_close(run(import_state_dict(weights, cell="tanh"), noise), original(noise).detach())


def test_the_bias_of_the_recurrent_layer_is_not_dropped(noise):
    original = Network()
    weights = original.state_dict()
    weights["b_rec"] = weights.pop("rnn.bias_ih_l0") + weights.pop("rnn.bias_hh_l0")
    message = refuse(weights, r"does not have: b_rec \(8,\)\. If `b_rec` is .* name it `rnn\.bias_hh_l0`\.")
    weights[re.search(r"name it `(.*?)`", message)[1]] = weights.pop("b_rec")
    torch.testing.assert_close(run(import_state_dict(weights, cell="tanh"), noise), original(noise).detach())


@pytest.mark.parametrize(
    ("name", "tensor"),
    [
        ("rnn.alpha", torch.tensor(0.1)),  # one number acts, too
        ("rnn.mask", torch.ones(8, 8, dtype=torch.bool)),
        ("h0", torch.zeros(1, 1, 8)),
        ("outer.fc.weight", torch.ones(2, 3)),
        ("norm.bias", torch.zeros(8)),
        ("discriminator.0.weight", torch.ones(4, 20)),
    ],
)
def test_nothing_that_may_act_is_dropped(name, tensor):
    weights = rename(Network().state_dict(), ("rnn.", "net.rnn."), ("fc.", "net.fc."))
    message = refuse(weights | {name: tensor}, rf"does not have: {name}")
    prefix = re.search(r"choose it by `prefix`: `(.*?)`", message)[1]
    assert prefix == "net."
    chosen = import_state_dict(weights | {name: tensor}, cell="tanh", prefix=prefix)
    removed = import_state_dict(weights | {"n_seen": torch.tensor(3)}, cell="tanh")
    assert torch.equal(chosen.w_out, removed.w_out)
    refuse({f"net.{key}": value for key, value in (weights | {name: tensor}).items()}, "does not have")


def test_prefixes_that_are_proposed_hold_whole_networks(noise):
    first, second = Network(seed=1), Network(seed=2)
    both = {
        f"{tag}.net.{k}": v for tag, m in (("a", first), ("b", second)) for k, v in m.state_dict().items()
    }
    message = refuse(
        both, r"one recurrent layer, got a\.net.*Choose one by `prefix`: `a\.net\.` or `b\.net\.`"
    )
    for prefix, original in zip(re.findall(r"`(\w\.net\.)`", message), (first, second), strict=True):
        network = import_state_dict(both, cell="tanh", prefix=prefix)
        torch.testing.assert_close(run(network, noise), original(noise).detach())
    apart = rename(first.state_dict(), ("rnn.", "a.enc.rnn."), ("fc.", "a.out."))
    message = refuse(apart | rename(both, ("a.", "c.")), r"`a\.` or `c\.net\.` or `b\.net\.`")


def test_what_lies_outside_of_the_prefix_does_not_matter(tmp_path):
    weights = {f"net.{name}": tensor for name, tensor in Network().state_dict().items()}
    weights |= {"other.weight": torch.ones(2, 2).to_sparse(), "q": torch.ones(3, dtype=torch.float8_e5m2)}
    folder = import_run(weights, tmp_path / "run", cell="tanh", prefix="net.")
    assert folder.read_provenance()["source"]["prefix"] == "net."


def test_two_recurrent_layers_of_one_network_are_no_choice():
    weights = Network().state_dict() | {f"rnn2.{k}": v for k, v in nn.RNN(8, 8).state_dict().items()}
    message = refuse(
        weights, r"got rnn\.weight_hh_l0, rnn2\.weight_hh_l0\. Supported are networks of one layer"
    )
    assert "prefix" not in message


def test_renaming_keeps_within_the_prefix():
    weights = rename(Network().state_dict(), ("rnn.", "net.rnn."), ("fc.", "net.a."))
    weights |= {"net.b.weight": torch.ones(4, 8)}
    message = refuse(weights, "Choose the readout", prefix="net.")
    new = re.search(r"name it (\S+)weight", message)[1]
    weights = {k: v for k, v in rename(weights, ("net.a.", new)).items() if not k.startswith("net.b")}
    assert import_state_dict(weights, cell="tanh", prefix="net.").n_symbols == 3


@pytest.mark.parametrize("value", [torch.tensor(1.0), torch.zeros(3), torch.zeros(0, 0)])
@pytest.mark.parametrize("name", ["rnn.weight_hh_l0", "rnn.weight_ih_l0", "fc.weight", "fc.bias"])
def test_weights_of_any_shape_are_named(name, value):
    if name == "fc.bias" and value.shape == (3,):
        return
    refuse(Network().state_dict() | {name: value}, f"{name}.*got ")


def test_names_that_nobody_knows_are_renamed_as_told(noise):
    original = Network()
    weights = original.state_dict()
    other = {"W_in": "rnn.weight_ih_l0", "W": "rnn.weight_hh_l0", "W_out": "fc.weight", "b": "fc.bias"}
    message = refuse(
        {new: weights[old] for new, old in other.items()},
        r"must hold the weights .*, got: W_in \(8, 5\), W .* Rename them; rows belong to the units",
    )
    assert all(name in message for name in other.values())
    network = import_state_dict({name: weights[name] for name in other.values()}, cell="tanh")
    assert network.out_bias is not None


# weights that are computed from others

HOOKS = {
    "prune": lambda layer, name: prune.l1_unstructured(layer, name, amount=0.4),
    "weight_norm": lambda layer, name: parametrizations.weight_norm(layer, name),
    "spectral_norm": lambda layer, name: parametrizations.spectral_norm(layer, name),
    "orthogonal": lambda layer, name: parametrizations.orthogonal(layer, name),
    "old_weight_norm": lambda layer, name: torch.nn.utils.weight_norm(layer, name),
    "old_spectral_norm": lambda layer, name: torch.nn.utils.spectral_norm(layer, name),
}


@pytest.mark.filterwarnings("ignore:.*weight_norm.*is deprecated:FutureWarning")
@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize(("layer", "weight"), [("rnn", "weight_hh_l0"), ("fc", "weight")])
def test_weights_that_are_computed_are_refused_with_the_call_that_computes_them(noise, hook, layer, weight):
    model = Network().eval()
    HOOKS[hook](model.get_submodule(layer), weight)
    expected = model(noise).detach()
    for source in (model, {"state_dict": rename(model.state_dict(), ("", "net."))}):
        message = refuse(source, rf"{layer}\.{weight}` must be saved itself, got what the network computes")
    call, name = re.search(r"Call (torch\S+)\(layer, \"(\w+)\"\) for the layer", message).groups()
    known = (prune.remove, parametrize.remove_parametrizations, remove_spectral_norm)
    remove = {f"torch.nn.utils.{f.__module__.split('.')[-1]}.{f.__name__}": f for f in known}
    remove |= {f"torch.nn.utils.{f.__name__}": f for f in (remove_spectral_norm, nn.utils.remove_weight_norm)}
    remove[call](model.get_submodule(layer), name)
    torch.testing.assert_close(run(import_state_dict(model), noise), expected)


def test_quantised_layers_are_refused():
    weights = Network().state_dict()
    del weights["fc.weight"], weights["fc.bias"]
    packed = (torch.ones(3, 8, dtype=torch.int8), torch.zeros(3))
    refuse(
        weights | {"fc._packed_params._packed_params": packed},
        "got a quantised layer. Save the state_dict of",
    )


# what a state dict is inside of


def test_checkpoints_are_read_without_what_training_keeps(noise):
    original = Network()
    optimizer = torch.optim.Adam(original.parameters())
    original(noise).sum().backward()
    optimizer.step()
    expected, states = original(noise).detach(), original.state_dict()
    lightning = {
        "epoch": 3,
        "global_step": 90,
        "pytorch-lightning_version": "2.2",
        "state_dict": rename(states, ("", "model.")),
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"total": 4}}},
        "callbacks": {"EarlyStopping": {"best_score": torch.tensor(0.5), "scores": torch.ones(4)}},
        "optimizer_states": [optimizer.state_dict()],
        "lr_schedulers": [{"last_epoch": 3}],
        "hyper_parameters": {"hidden": 8, "sizes": [5, 8, 3], "gains": [0.5, 1.0]},
    }
    own = {
        "loss": torch.ones(20),
        "curve": [0.5, 0.4],
        "best": torch.tensor(0.4),
        "rng_state": torch.get_rng_state(),
    }
    for checkpoint in (
        lightning,
        {"model_state_dict": states, "optimizer_state_dict": optimizer.state_dict(), **own},
        {"model": states, "adam": optimizer.state_dict(), "lossHistory": torch.ones(20)},
        {
            "net": rename(states, ("rnn.", "encoder.rnn."), ("fc.", "decoder.")),
            "scaler": {"scale": torch.ones(1)},
        },
        {"rnn": original.rnn.state_dict(), "fc": original.fc.state_dict(), "adam": optimizer.state_dict()},
        {"models": [states], "epoch": 3},
        {"model": original, "optimizer": optimizer.state_dict()},
    ):
        torch.testing.assert_close(run(import_state_dict(checkpoint, cell="tanh"), noise), expected)


def test_two_networks_of_a_checkpoint_are_a_choice(noise):
    original = Network(seed=1)
    checkpoint = {"state_dict": Network().state_dict(), "ema": original.state_dict()}
    message = refuse(checkpoint, r"Choose one by `prefix`: `state_dict\.` or `ema\.`\.")
    network = import_state_dict(checkpoint, cell="tanh", prefix=re.findall(r"`(ema\.)`", message)[0])
    torch.testing.assert_close(run(network, noise), original(noise).detach())


def test_other_weights_of_a_checkpoint_are_not_dropped():
    states = rename(Network().state_dict(), ("", "model."))
    for other in (
        {"head": {"weight": torch.ones(2, 3)}},
        {"head.weight": torch.ones(2, 3)},
        {"gain": np.ones(8)},
    ):
        message = refuse({"state_dict": states, **other}, r"does not have: (head\.weight|gain)")
        prefix = re.search(r"choose it by `prefix`: `(.*?)`", message)[1]
        import_state_dict({"state_dict": states, **other}, cell="tanh", prefix=prefix)


@pytest.mark.parametrize(
    "convert", [lambda t: t.numpy(), lambda t: t.double().numpy().astype(">f8"), lambda t: t.tolist()]
)
def test_arrays_and_lists_are_weights_like_tensors(noise, convert):
    original = Network()
    weights = {name: convert(tensor) for name, tensor in original.state_dict().items()}
    torch.testing.assert_close(run(import_state_dict(weights, cell="tanh"), noise), original(noise).detach())


@pytest.mark.parametrize("value", [0.5, [[0.5], [0.5, 1.0]], np.array([None]), torch.Size([3])])
def test_a_weight_that_is_no_array_is_refused(value):
    refuse(
        Network().state_dict() | {"fc.bias": value}, r"`state dict in memory`: `fc\.bias` must be a tensor or"
    )


def test_words_and_nothing_beside_the_weights_are_no_weights():
    extra = {"fc.bias": None, "name": "mine", "bias": False, "sizes": [5, 8, 3], "tags": ["a", 1, None]}
    assert import_state_dict(Network(bias=False).state_dict() | extra, cell="tanh").out_bias is None


def test_what_holds_no_values_or_itself_is_refused():
    lazy = nn.ModuleDict({"rnn": nn.RNN(5, 8), "fc": nn.LazyLinear(3)})
    refuse(lazy, r"`module ModuleDict in memory`: `fc\.weight` must have values, got a tensor without")
    lazy["fc"](torch.ones(1, 8))  # run once, as told
    assert import_state_dict(lazy).n_symbols == 3
    refuse({"model": Network().to("meta").state_dict()}, r"`model\.rnn\.weight_ih_l0` must have values")
    endless = {"model": Network().state_dict()}
    endless["self"] = endless
    refuse(endless, r"`self` must not be nested in itself")
    ring = [1.0]
    ring.append(ring)
    refuse({"model": Network().state_dict(), "ring": ring}, r"`ring\.1` must not be nested in itself")
    refuse({"a": {"w_hh": torch.ones(2, 2)}, "a.w_hh": torch.ones(2, 2)}, r"got `a\.w_hh` twice")


@pytest.mark.usefixtures("unchecked_annotations")
@pytest.mark.parametrize("source", [None, 3, [("fc.weight", torch.ones(3, 8))], b"net.pt"])
def test_sources_of_another_type_are_refused(source):
    refuse(source, r"`source` must be a path, a state dict or a torch\.nn\.Module, got \w+\. Pass model")


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e5m2])
def test_weights_of_one_byte_are_converted(dtype):
    weights = {name: tensor.to(dtype) for name, tensor in Network().state_dict().items()}
    assert torch.equal(import_state_dict(weights, cell="tanh").w_out, weights["fc.weight"].float())
