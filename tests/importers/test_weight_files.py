"""Files given as weights: each is read, or named with a remedy that works; no pickle is opened."""

import argparse
import contextlib
import gzip
import os
import pathlib
import pickle
import re
import tarfile
import warnings
import zipfile

import h5py
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from orbitscope.errors import InputError
from orbitscope.importers import file_checks, import_state_dict


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.rnn = nn.RNN(5, 8)
        self.fc = nn.Linear(8, 3)

    def forward(self, noise):
        return self.fc(self.rnn(noise)[0])


@pytest.fixture(autouse=True)
def _work_in_a_new_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def model():
    return Network()


def refuse(path, message):
    with pytest.raises(InputError, match=message) as caught:
        import_state_dict(path, cell="tanh")
    text = str(caught.value)
    assert text.startswith(f"`{path}`")
    assert "\x1b" not in text
    assert "weights_only`" not in text  # torch's advice to load it anyway
    return text


def check(path, model):
    assert torch.equal(import_state_dict(path, cell="tanh").w_out, model.fc.weight)


def test_a_short_text_and_what_else_torch_did_not_write_are_named(model):
    for text in ("hello", "für alle"):
        pathlib.Path("net.pt").write_text(text, encoding="utf-8")
        refuse("net.pt", f"got text that begins with `{text}`, which torch.save did not write. Save the")
    pathlib.Path("net.pt").write_bytes(b"e\x00\x01 no weights")
    refuse(
        "net.pt", r"must be a file that torch.save wrote, got one that begins with b'e.x00.x01 no w'\. Save"
    )


def test_what_holds_no_tensor_says_what_it_holds():
    torch.save({"a": 1, "b": {"c": "text"}}, "net.pt")
    refuse(
        "net.pt", r"must hold tensors by name, got `a` \(int\), `b` \(dict\)\. Save the network's state_dict"
    )


def test_a_torchscript_archive_is_converted_as_told(model):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(torch.jit.script(model), "net.pt")
        assert "torch.save(torch.jit.load(…).state_dict(), …)" in refuse(
            "net.pt", "got a TorchScript archive"
        )
        torch.save(torch.jit.load("net.pt").state_dict(), "weights.pt")
    check("weights.pt", model)


def test_an_exported_program_is_named(model):
    with zipfile.ZipFile("net.pt", "w") as archive:
        archive.writestr("net/archive_format", "pt2")
    refuse("net.pt", "got a program of torch.export. Where you trust it, save torch.save")


@pytest.mark.parametrize("old", [False, True])
def test_a_whole_module_is_converted_as_told(model, old):
    torch.save(model, "net.pt", _use_new_zipfile_serialization=not old)
    text = refuse("net.pt", rf"got an object of `{__name__}\.Network`: a whole module")
    assert "torch.save(found.state_dict(), …)" in text
    torch.save(torch.load("net.pt", weights_only=False).state_dict(), "weights.pt")
    check("weights.pt", model)


@pytest.mark.parametrize("beside", [argparse.Namespace(a=1), pathlib.Path("x"), np.float64(0.5), np.ones(3)])
def test_a_checkpoint_with_other_objects_is_converted_as_told(model, beside):
    torch.save({"state_dict": model.state_dict(), "beside": beside}, "net.ckpt")
    text = refuse(
        "net.ckpt", r"got an object of `(argparse\.Namespace|pathlib\..*|numpy\..*)`: .* beside the"
    )
    assert 'torch.save(found["state_dict"], …)' in text
    torch.save(torch.load("net.ckpt", weights_only=False)["state_dict"], "weights.pt")
    check("weights.pt", model)


class _Trap:
    def __reduce__(self):
        return os.mkdir, ("opened",)


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("write", [torch.save, lambda values, path: path.write_bytes(pickle.dumps(values))])
def test_no_pickle_is_executed(model, tmp_path, protocol, write):
    for values in (_Trap(), {**model.state_dict(), "trap": _Trap()}):
        write(values, tmp_path / "net.pt")
        refuse(tmp_path / "net.pt", "A pickle could run any code, so it is not opened")
    assert not os.path.exists("opened")


def test_pickles_of_other_kinds_are_converted_as_told(model):
    with open("net.pt", "wb") as file:
        pickle.dump({name: tensor.numpy() for name, tensor in model.state_dict().items()}, file)
    refuse("net.pt", "must be written by torch.save .* got a pickle of another kind, or a damaged file")
    with open("net.pt", "rb") as file:
        torch.save({name: torch.from_numpy(array) for name, array in pickle.load(file).items()}, "weights.pt")
    check("weights.pt", model)
    torch.save(model.state_dict(), "net.pt", pickle_protocol=4)
    refuse("net.pt", "with the default `pickle_protocol`")
    torch.save(torch.load("net.pt", weights_only=False), "weights.pt")
    check("weights.pt", model)


@pytest.mark.parametrize("name", ["net.pt", "net.pth", "net.ckpt", "net.safetensors", "NET.PT"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "got an empty file. Copy or download it again"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 12\n",
            "Run `git lfs pull` in its",
        ),
        (b"<!DOCTYPE html>\n<html>", r"got a web page \(HTML\)\. Download it from the link"),
        (b"\xef\xbb\xbf\n<HTML>\n", "got a web page"),
        (b'{"message": "Not Found"}', 'got text that begins with `{"message": "Not Found"}`'),
        (b"PK\x03\x04 cut", "got an archive that is damaged, or ends too early. Copy or download"),
    ],
)
def test_what_stands_in_the_place_of_a_file_is_named(name, content, message):
    pathlib.Path(name).write_bytes(content)
    refuse(name, message)


def test_archives_of_others_are_named(model):
    torch.save(model.state_dict(), "net.pth")
    with zipfile.ZipFile("net.pt", "w") as archive:
        archive.write("net.pth")
    refuse("net.pt", r"got a zip archive with net\.pth\. Unpack it, and name the file with the weights")
    with zipfile.ZipFile("net.pt") as archive:
        archive.extractall("unpacked")
    check("unpacked/net.pth", model)
    with tarfile.open("net.pt", "w") as archive:
        archive.add("net.pth")
    refuse("net.pt", "got a tar archive. Unpack it")
    with gzip.open("net.pt", "wb") as file:
        file.write(pathlib.Path("net.pth").read_bytes())
    refuse("net.pt", "got a gzip archive. Unpack it")
    with h5py.File("net.pt", "w") as file:
        file["w"] = 1
    refuse("net.pt", "got an HDF5 file. Load it with what wrote it")


def test_arrays_of_numpy_are_converted_as_told(model):
    with open("net.pt", "wb") as file:
        np.savez(file, **{name: tensor.numpy() for name, tensor in model.state_dict().items()})
    text = refuse("net.pt", "got a NumPy archive. Save torch.save")
    assert "({name: torch.from_numpy(array) for name, array in np.load(…).items()}, …)" in text
    with np.load("net.pt") as arrays:
        torch.save({name: torch.from_numpy(array) for name, array in arrays.items()}, "weights.pt")
    check("weights.pt", model)
    with open("net.pt", "wb") as file:
        np.save(file, np.ones(3))
    refuse("net.pt", "got a NumPy array. Save a mapping")


def test_arrays_become_weights_as_told(model):
    w_ih, w_hh = (weight.detach().numpy() for weight in (model.rnn.weight_ih_l0, model.rnn.weight_hh_l0))
    w_out = model.fc.weight.detach().numpy()
    np.savez("net.npz", w_ih=w_ih, w_hh=w_hh, w_out=w_out)
    text = refuse("net.npz", r"must end in .* got `\.npz`")
    (line,) = re.findall(r"torch\.save\(\{.*\}, \"net\.pt\"\)", text)
    exec(line, {"torch": torch, "w_ih": w_ih, "w_hh": w_hh, "w_out": w_out})
    check("net.pt", model)


def test_another_precision_is_told(model, caplog):
    for dtype, message in (
        (torch.float32, ""),
        (torch.float64, "`state dict in memory`: weights are float64; they become float32"),
        (torch.float16, "`state dict in memory`: weights are float16; they become float32"),
    ):
        caplog.clear()
        import_state_dict({name: w.to(dtype) for name, w in model.state_dict().items()}, cell="tanh")
        assert message in caplog.text
        assert bool(message) == bool(caplog.text)


@pytest.mark.parametrize(("written", "named"), [(".pt", ".safetensors"), (".safetensors", ".pt")])
def test_a_file_under_the_ending_of_another_kind_is_renamed_as_told(model, written, named):
    save = save_file if written == ".safetensors" else torch.save
    save(dict(model.state_dict()), f"net{named}")
    refuse(f"net{named}", rf"got a (safetensors file|file of torch\.save)\. Rename it to end in \{written}")
    os.rename(f"net{named}", f"net{written}")
    check(f"net{written}", model)
    os.rename(f"net{written}", "net.bin")
    refuse("net.bin", r"must end in .*, got `\.bin`\. .*if that wrote this file, rename it")


def test_a_folder_is_no_file():
    os.mkdir("net.pt")
    refuse("net.pt", "must be a file, got a folder. Name the file in it")
    refuse(f"{'x' * 5000}.pt", "must be an existing file, got none there")


def test_a_file_that_may_not_be_read_is_named(model, monkeypatch):
    torch.save(model.state_dict(), "net.pt")

    def deny(*args):
        raise PermissionError(13, "Permission denied", args[0])

    monkeypatch.setattr(file_checks, "open", deny, raising=False)
    refuse("net.pt", "must be readable, but: Permission denied. Change that")


@pytest.mark.parametrize("kind", ["zip", "old", "safetensors"])
def test_files_that_are_cut_anywhere_are_refused(model, kind):
    path = pathlib.Path("net.safetensors" if kind == "safetensors" else "net.pt")
    if kind == "safetensors":
        save_file(dict(model.state_dict()), path)
    else:
        torch.save(model.state_dict(), path, _use_new_zipfile_serialization=kind == "zip")
    content = path.read_bytes()
    for length in [*range(40), *range(40, len(content), 97), len(content) - 1]:
        path.write_bytes(content[:length])
        refuse(str(path), "must (be|hold)")


def test_a_bit_that_flipped_is_found(model):
    torch.save(model.state_dict(), "net.pt")
    content = bytearray(pathlib.Path("net.pt").read_bytes())
    content[content.index(model.rnn.weight_hh_l0.detach().numpy().tobytes()) + 3] ^= 1
    pathlib.Path("net.pt").write_bytes(content)
    assert not torch.equal(
        torch.load("net.pt")["rnn.weight_hh_l0"], model.rnn.weight_hh_l0
    )  # torch believes it
    refuse("net.pt", r"must be a whole \.pt file, got: `net/data/1` has another checksum .* save it anew")


def test_an_array_that_is_marked_as_a_folder_is_refused(model):
    """Torch would take what its memory holds for the array: the mark is in no checksum."""
    torch.save(model.state_dict(), "whole.pt")
    with zipfile.ZipFile("whole.pt") as whole, zipfile.ZipFile("net.pt", "w") as changed:
        for entry in whole.infolist():
            content = whole.read(entry)
            entry.external_attr |= 0x10 if entry.filename.endswith("data/1") else 0
            changed.writestr(entry, content)
    refuse("net.pt", "marked as a folder")


def test_a_file_without_checksums_is_saved_anew_as_told(model):
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(model.state_dict(), "net.pt")
    finally:
        torch.serialization.set_crc32_options(True)
    refuse("net.pt", r"another checksum than when it was written \(or none, by set_crc32_options\)")
    torch.save(torch.load("net.pt"), "weights.pt")
    check("weights.pt", model)


def test_damage_anywhere_gives_the_weights_or_a_refusal(model):
    generator = np.random.default_rng(0)
    torch.save(model.state_dict(), "whole.pt", _use_new_zipfile_serialization=False)
    for name in ("whole.pt", "zip.pt"):
        if name == "zip.pt":
            torch.save(model.state_dict(), name)
        content = np.frombuffer(pathlib.Path(name).read_bytes(), dtype=np.uint8)
        for _ in range(150):
            damaged = content.copy()
            place = generator.integers(len(damaged), size=8)
            damaged[place] = generator.integers(256, size=8)
            damaged.tofile("net.pt")
            with contextlib.suppress(InputError):
                import_state_dict("net.pt", cell="tanh")


def test_warnings_of_torch_about_its_formats_are_not_shown(model):
    torch.save(model.state_dict(), "net.pt", pickle_protocol=3)
    with pytest.warns(UserWarning, match="Detected pickle protocol 3"):
        torch.load("net.pt")
    check("net.pt", model)  # warnings are errors in tests
