"""Weights of networks that others trained: state dicts of any names, shapes and types, and damaged files."""

import io

import pytest
import torch
from fuzzing import damage, fuzz, refusal_allowed, write
from hypothesis import strategies as st
from safetensors.torch import save

import orbitscope as osc
from orbitscope.errors import OrbitscopeError

HIDDEN, NOISE, SYMBOLS = 3, 2, 4
NAMES = {
    "rnn": (
        "rnn.weight_hh_l0",
        "rnn.weight_ih_l0",
        "fc.weight",
        "rnn.bias_ih_l0",
        "rnn.bias_hh_l0",
        "fc.bias",
    ),
    "cell": (
        "core.weight_hh",
        "core.weight_ih",
        "readout.weight",
        "core.bias_ih",
        "core.bias_hh",
        "readout.bias",
    ),
    "ours": ("cell.w_hh", "cell.w_ih", "w_out", "cell.bias", "", "out_bias"),
}
SHAPES = ((HIDDEN, HIDDEN), (HIDDEN, NOISE), (SYMBOLS, HIDDEN), (HIDDEN,), (HIDDEN,), (SYMBOLS,))
DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("weights")


def build(names, *, bias, dtype=torch.float32, seed=0):
    """A state dict of random weights."""
    generator = torch.Generator().manual_seed(seed)
    pairs = [(name, shape) for name, shape in zip(names, SHAPES, strict=True) if name]
    pairs = pairs if bias else pairs[:3]
    return {
        name: torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) for name, shape in pairs
    }


def require_network(network, state, names):
    """Weights are those of the state dict; biases of the recurrent layer act as their sum."""
    for found, name in (
        (network.cell.w_hh, names[0]),
        (network.cell.w_ih, names[1]),
        (network.w_out, names[2]),
    ):
        assert torch.equal(found.detach(), state[name].float())
    biases = [state[name].double() for name in names[3:5] if name in state]
    if biases:
        assert torch.equal(network.cell.bias.detach(), sum(biases).float())


def save_pt(state):
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


@fuzz(
    700,
    style=st.sampled_from(list(NAMES)),
    bias=st.booleans(),
    dtype=st.sampled_from(DTYPES),
    prefix=st.sampled_from(["", "model.", "a.b."]),
    form=st.sampled_from(["memory", "nested", ".pt", ".safetensors"]),
    seed=st.integers(0, 100),
)
def test_weights_are_read_as_they_were_written(style, bias, dtype, prefix, form, seed, folder):
    names = NAMES[style]
    state = build(names, bias=bias, dtype=dtype, seed=seed)
    named = {prefix + name: tensor for name, tensor in state.items()}
    source = {"state": named, "epoch": 3} if form == "nested" else named
    if form.startswith("."):
        source = write(folder / f"w{form}", save_pt(named) if form == ".pt" else save(named))
    require_network(osc.import_state_dict(source, cell="relu"), state, names)


names = st.sampled_from([name for group in NAMES.values() for name in group]) | st.sampled_from(
    [
        "rnn.weight_hh_l1",
        "rnn.weight_hh_l0_reverse",
        "weight_hh_l0",
        "x.weight",
        "",
        ".",
        "weight",
        "fc..weight",
        "é",
    ]
)
tensors = st.tuples(
    st.lists(st.integers(0, 4), max_size=3),
    st.sampled_from([*DTYPES, torch.int64, torch.bool, torch.complex64, torch.uint8]),
    st.sampled_from([0.0, 1.0, float("nan"), float("inf"), 1e30]),
).map(lambda parts: torch.full(parts[0], parts[2]).to(parts[1]))
others = st.none() | st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2)


@fuzz(
    1500,
    changes=st.dictionaries(names, tensors | others, max_size=4),
    lost=st.sets(st.integers(0, 5), max_size=2),
    style=st.sampled_from(list(NAMES)),
    cell=st.sampled_from(["relu", "tanh", None, "", "gru", "RELU"]),
    prefix=st.sampled_from([None, None, "", "rnn.", "é"]),
)
def test_any_state_dict_is_a_network_or_refused(changes, lost, style, cell, prefix):
    state = build(NAMES[style], bias=True)
    state = {name: tensor for i, (name, tensor) in enumerate(state.items()) if i not in lost} | changes
    with refusal_allowed():
        network = osc.import_state_dict(state, cell=cell, prefix=prefix)
        given = [tensor for tensor in state.values() if isinstance(tensor, torch.Tensor)]
        for weight in (network.cell.w_hh, network.cell.w_ih, network.w_out):
            assert torch.isfinite(weight).all()
            assert any(
                torch.equal(weight.detach(), tensor.float()) for tensor in given if not tensor.is_complex()
            )


WHOLE = build(NAMES["rnn"], bias=True)
FILES = {
    "w.pt": save_pt(WHOLE),
    "w.pth": save_pt({"state_dict": WHOLE, "epoch": 3}),
    "w.safetensors": save(WHOLE),
}


@fuzz(1500, data=st.data(), name=st.sampled_from(list(FILES)))
def test_a_damaged_file_is_refused_or_read(data, name, folder):
    path = write(folder / name, data.draw(damage(FILES[name])))
    with refusal_allowed():
        network = osc.import_state_dict(path, cell="tanh")
        assert all(bool(torch.isfinite(weight).all()) for weight in network.state_dict().values())


@fuzz(
    300,
    content=st.binary(max_size=80),
    head=st.sampled_from(
        [
            b"",
            b"PK\x03\x04",
            b"\x80\x02",
            b"(lp0",
            b"\x08\x00\x00\x00\x00\x00\x00\x00",
            b"version https://git-lfs",
        ]
    ),
    suffix=st.sampled_from([".pt", ".pth", ".ckpt", ".safetensors", ".pkl", ""]),
)
def test_any_bytes_are_refused(content, head, suffix, folder):
    path = write(folder / f"any{suffix}", head + content)
    with pytest.raises(OrbitscopeError):
        osc.import_state_dict(path, cell="relu")


@fuzz(
    200,
    process=st.sampled_from(["", "linear-3", "fully-connected-4", "nowhere", "\x00"]) | st.text(max_size=4),
    symbol_names=st.lists(st.text(max_size=2) | st.sampled_from(["\ud800"]), max_size=5),
    noise_std=st.floats() | st.integers(-2, 2),
)
def test_any_options_of_an_import_make_a_run_or_none(process, symbol_names, noise_std, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "run"
    with refusal_allowed():
        folder = osc.import_run(
            WHOLE,
            out,
            cell="relu",
            process=process or None,
            symbol_names=symbol_names,
            noise_std=float(noise_std),
        )
        require_network(osc.load_network(out), WHOLE, NAMES["rnn"])
        settings = folder.read_settings()
        assert settings.model.noise_std == noise_std
        assert list(settings.symbol_names) == symbol_names or process or not symbol_names
        return
    assert not out.exists()
