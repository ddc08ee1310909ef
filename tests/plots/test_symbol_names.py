"""Names of the symbols in what an analysis draws and says."""

from dataclasses import replace

import pytest
import torch

from orbitscope.hmm import load_process
from orbitscope.network import build_network
from orbitscope.parts import resolve_settings, select_parts
from orbitscope.plots.noise_free.noise_free_growth import describe_noise_free_growth, plot_noise_free_growth
from orbitscope.plots.orbit.orbit_paths import plot_driven_paths
from orbitscope.plots.orbit.readout_alignment import describe_readout_alignment, plot_projections
from orbitscope.plots.regions.region_maps import plot_symbol_map
from orbitscope.plots.symbol_names import name_symbol
from orbitscope.subject import Subject

NAMES = ["sun", "rain", "a very long name"]
SHOWN = ["sun", "rain", "a very long…"]


@pytest.fixture(scope="module")
def results():
    network = build_network(3, hidden_size=12, input_size=5, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        network.cell.w_hh.mul_(2)
    subject, found = Subject(network, load_process("linear-3")), {}
    parts = select_parts(["noise_free_growth", "orbit_paths", "readout_alignment", "regions"])
    for part in parts:
        changes = {"n_rollouts": 4, "n_resamples": 50} if part.name == "regions" else {}
        settings = resolve_settings([part], {part.name: changes}, quick=True)[part.name]
        result = part.compute(subject, settings)
        found[part.name] = replace(result, settings=result.settings | {"symbol_names": NAMES})
        found[f"{part.name} without names"] = result
    return found


def test_a_symbol_without_a_name_has_its_number(results):
    result = results["orbit_paths without names"]
    assert [name_symbol(result, i) for i in range(3)] == ["0", "1", "2"]


@pytest.mark.parametrize(("suffix", "names"), [("", SHOWN), (" without names", ["0", "1", "2"])])
def test_every_figure_has_the_names(results, suffix, names):
    paths = plot_driven_paths(results[f"orbit_paths{suffix}"])
    assert [text.get_text() for text in paths.texts if text.get_text()] == names
    alignment = plot_projections(results[f"readout_alignment{suffix}"])
    assert [tick.get_text() for tick in alignment.get_yticklabels()] == names
    regions = plot_symbol_map(results[f"regions{suffix}"])
    drawn = [text.get_text() for text in regions.get_legend().get_texts()]
    assert drawn
    assert set(drawn) <= set(names)


def test_quantities_and_captions_have_the_names(results):
    (part,) = select_parts(["readout_alignment"])
    result = results["readout_alignment"]
    assert part.summarise(result)[0].label == "readout of symbol sun in the orbit plane"
    assert "Symbol rain: " in describe_readout_alignment(result)
    growth = results["noise_free_growth"]
    names = {SHOWN[symbol] for symbol in growth.end_symbol.tolist()}
    assert names
    assert all(f"symbol {name}: " in describe_noise_free_growth(growth) for name in names)
    legends = [ax.get_legend() for ax in plot_noise_free_growth(growth).axes]
    texts = [text.get_text() for legend in legends if legend for text in legend.get_texts()]
    assert all(any(f"symbol {name}" in text for text in texts) for name in names)
