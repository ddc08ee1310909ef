"""Networks of 300 symbols: every part is done or says why not, and figures and tables stay readable."""

import re

import pytest
import torch

import orbitscope as osc
from orbitscope.cli.analyse import print_analysis
from orbitscope.plots.leading import MOST_NAMED, MOST_ROWS, find_leading, name_leading, say_left_out

N_SYMBOLS = 300


@pytest.fixture
def run(tmp_path):
    """A network of the zoo whose six readout rows are repeated with small differences."""
    network = osc.load_network("zoo:linear-5-faithful")
    rows = network.w_out[torch.arange(N_SYMBOLS) % network.n_symbols]
    noise = torch.randn(rows.shape, generator=torch.Generator().manual_seed(0))
    weights = {
        "rnn.weight_ih_l0": network.cell.w_ih,
        "rnn.weight_hh_l0": network.cell.w_hh,
        "fc.weight": rows + 0.3 * rows.std() * noise,
    }
    return osc.import_run(weights, tmp_path / "run", cell="relu").path


def count_entries(figure):
    legends = [*figure.legends, *(ax.get_legend() for ax in figure.axes)]
    return max((len(legend.get_texts()) for legend in legends if legend is not None), default=0)


@pytest.mark.slow
def test_the_parts_of_a_network_of_300_symbols_are_done_or_say_why_not(run, capsys):
    found = osc.analyse_run(run, quick=True, threads=1)
    undefined = {outcome.part: outcome.reason for outcome in found.outcomes if outcome.status == "undefined"}
    needing_a_process_or_a_history = {"dwell", "training_evolution"}
    needing_long_runs = {
        "slow_clusters",
        "carriers",
        "connectivity",
        "populations",
        "low_rank",
        "interventions",
    }
    assert undefined.keys() <= needing_a_process_or_a_history | needing_long_runs
    assert all(len(reason) > 20 for reason in undefined.values())

    for name, (figure, caption) in found.figures.items():
        assert figure.get_figheight() <= 20, name
        assert count_entries(figure) <= MOST_NAMED + 10, name
        assert len(caption) < 6000, name
    assert f"Shown are the {MOST_ROWS} symbols" in found.figures["readout_alignment"].caption
    assert f"Shown are the {MOST_ROWS} directions" in found.figures["switches"].caption

    print_analysis(run, found)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) < 700
    assert any(re.search(r"… \d+ more of these with --all", line) for line in lines)


def test_leading_rows_are_those_of_the_largest_weights_in_order():
    weights = torch.arange(100).flip(0).numpy()
    assert find_leading(weights).tolist() == list(range(MOST_ROWS))
    assert find_leading(-weights).tolist() == list(range(100 - MOST_ROWS, 100))
    assert say_left_out(MOST_ROWS, "symbols", "that are frequent") == ""


@pytest.mark.parametrize("n", [1, MOST_NAMED, MOST_NAMED + 1, 300])
def test_a_legend_names_the_first_and_counts_the_others(n):
    labels = name_leading([str(i) for i in range(n)])
    named = [label for label in labels if label is not None]
    assert len(labels) == n
    assert len(named) <= MOST_NAMED
    if n > MOST_NAMED:
        assert named[-1] == f"and {n - MOST_NAMED + 1} more"
