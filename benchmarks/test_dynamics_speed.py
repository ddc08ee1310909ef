"""Speed and memory of looking inside a network of the paper's size, printed.

Nothing here asserts on time; that both sides of a comparison find the same is asserted.
"""

import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from comparisons import measure, report

from orbitscope.dynamics.driving.driven_states import run_driven
from orbitscope.dynamics.regions.residency import compute_residency
from orbitscope.dynamics.stability.jacobians import compute_jacobians, compute_spectra
from orbitscope.network import NoiseRNN
from orbitscope.parts import REGISTRY
from orbitscope.runs.zoo import list_zoo, open_run

N_STATES, N_ROLLOUTS, MAX_STEPS = 10_000, 20, 60
SHARE_OF_PEER = 100
"""The loop over states is run for one state in so many."""


@pytest.fixture(scope="module")
def network() -> NoiseRNN:
    return open_run("zoo:linear-3").load_network()


@pytest.fixture(scope="module")
def states(network):
    path = run_driven(network, 100, 100, generator=torch.Generator().manual_seed(0))
    return path.states.flatten(0, 1)


@torch.no_grad()
def follow_one_by_one(network: NoiseRNN, start: torch.Tensor, generator: torch.Generator) -> np.ndarray:
    """All that residency measures of one state with a loop over rollouts, as one would write it first."""
    found = np.zeros(4)
    logits = network.compute_logits(start)
    symbol, others = int(logits.argmax()), [s for s in range(len(logits)) if s != int(logits.argmax())]
    for _ in range(N_ROLLOUTS):
        state, series, step, stays = start[None], [logits], 0, True
        while stays and step < MAX_STEPS:
            step += 1
            noise = torch.randn(1, network.input_size, generator=generator)
            state = network.step(state, noise)
            series.append(network.compute_logits(state)[0])
            stays = int(series[-1].argmax()) == symbol
        logit = torch.stack(series)
        margin = logit[:, symbol] - logit[:, others].amax(1)
        changes = [int((values.diff().sign().diff() != 0).sum()) for values in (logit[:, symbol], margin)]
        found += [step, stays, *changes]
    return found / N_ROLLOUTS


def test_residency_against_a_loop_over_states(network, states):
    generator = torch.Generator().manual_seed(0)
    options = {"n_rollouts": N_ROLLOUTS, "max_steps": MAX_STEPS, "generator": generator}
    ours = min(measure(lambda: compute_residency(network, states, **options)) for _ in range(3))
    few, loop = states[::SHARE_OF_PEER], []
    theirs = SHARE_OF_PEER * measure(
        lambda: loop.extend(follow_one_by_one(network, state, generator) for state in few)
    )
    batch = compute_residency(network, few, **options)
    names = ("mean_steps", "censored_share", "logit_sign_changes", "margin_sign_changes")
    expected = np.mean([getattr(batch, name) for name in names], axis=1)
    np.testing.assert_allclose(np.mean(loop, axis=0), expected, rtol=0.1, atol=0.01)
    report(
        f"residency, {N_STATES} states x {N_ROLLOUTS} rollouts x {MAX_STEPS} steps: {ours:.1f} s (target 8 s)"
        f", {theirs / ours:.0f}x a loop over states (target 40x; loop timed on 1 state in {SHARE_OF_PEER})"
    )


def test_spectra_against_the_full_jacobian(network, states):
    chosen = states[::2]
    ours = measure(lambda: compute_spectra(network, chosen))
    few, whole = chosen[::10], []
    theirs = 10 * measure(lambda: whole.append(torch.linalg.eigvals(compute_jacobians(network, few))))
    np.testing.assert_allclose(compute_spectra(network, few).find_radius(), whole[0].abs().amax(1), rtol=1e-3)
    report(
        f"spectra of {len(chosen)} states: {ours:.2f} s, of 25 checkpoints {25 * ours:.0f} s (target 60 s), "
        f"{theirs / ours:.1f}x eigenvalues of the whole Jacobian"
    )


SCRIPT = """
import re, sys, time
from pathlib import Path
from orbitscope.workflows.analyse_run import analyse_run
outcomes = analyse_run(sys.argv[1]).outcomes
for outcome in outcomes:
    print(f"  {outcome.part}: {outcome.status}, {outcome.seconds:.1f} s")
peak = 1024 * int(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])
print(sum(outcome.seconds for outcome in outcomes), peak / 2**30)
"""


@pytest.mark.parametrize("name", [name for name in list_zoo() if "linear-3" in name])
def test_the_whole_analysis_of_one_network(name, tmp_path):
    command = [sys.executable, "-c", SCRIPT, name]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    *parts, last = done.stdout.splitlines()
    assert len(parts) == len(REGISTRY)
    seconds, peak = map(float, re.split(r"\s+", last))
    sizes = f"{seconds:.0f} s (target 60 s), {peak:.2f} GB (target 1.5 GB)"
    report("\n".join([f"analysis of {name}, {len(REGISTRY)} parts: {sizes}", *parts]))
