"""Speed and memory against peers, printed as ratios; nothing here asserts on time.

`make bench` prints a line per comparison; both sides run in turn in one process, with the same threads.
"""

import json
import subprocess
import sys
import time

import geomloss
import hmmlearn.hmm
import numpy as np
import pytest
import torch
from comparisons import compare, measure, report

from orbitscope.hmm import build_random, compute_log_likelihood, load_preset, sample_sequences
from orbitscope.loss import SinkhornDivergence
from orbitscope.recipes import build_settings
from orbitscope.training import Trainer, initialise_training, prepare_task


def draw_one_hot(preset: str, n_sequences: int, seed: int) -> torch.Tensor:
    hmm, n_steps = load_preset(preset).hmm, load_preset(preset).n_steps
    symbols = sample_sequences(hmm, n_sequences, n_steps, rng=np.random.default_rng(seed)).symbols
    return torch.nn.functional.one_hot(torch.from_numpy(symbols.astype(np.int64)), hmm.n_symbols).float()


class PeerNetwork(torch.nn.Module):
    """The paper's network from PyTorch's parts."""

    def __init__(self):
        super().__init__()
        self.rnn = torch.nn.RNN(100, 150, nonlinearity="relu", bias=False, batch_first=True)
        self.fc = torch.nn.Linear(150, 3, bias=False)

    def forward(self, noise):
        return torch.nn.functional.gumbel_softmax(self.fc(self.rnn(noise)[0]), tau=1.0, hard=True)


class PeerTraining:
    """One published training epoch with nn.RNN, autograd and geomloss."""

    def __init__(self, training: torch.Tensor, validation: torch.Tensor):
        self.training, self.validation = training.split(4096), validation.split(4096)
        self.network = PeerNetwork()
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=1e-3, betas=(0.9, 0.9))
        self.loss = geomloss.SamplesLoss("sinkhorn", p=2, blur=0.2)

    def compute_loss(self, targets: torch.Tensor) -> torch.Tensor:
        generated = self.network(torch.randn(*targets.shape[:2], 100))
        return self.loss(generated.flatten(1), targets.flatten(1))

    def step(self, targets: torch.Tensor) -> None:
        self.optimizer.zero_grad()
        self.compute_loss(targets).backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 0.9)
        self.optimizer.step()

    def run_epoch(self) -> None:
        for targets in self.training:
            self.step(targets)
        with torch.no_grad():
            for targets in self.validation:
                self.compute_loss(targets)


def build_trainer(preset: str, **changes):
    settings = build_settings(preset, recipe="published", changes=changes)
    task = prepare_task(load_preset(preset).hmm, settings)
    return Trainer(task, settings), initialise_training(task, settings)


def test_loss_and_gradient_against_geomloss():
    x, y = draw_one_hot("linear-3", 4096, 0).requires_grad_(), draw_one_hot("linear-3", 4096, 1)
    divergence = SinkhornDivergence(y)
    peer = geomloss.SamplesLoss("sinkhorn", p=2, blur=0.2)
    comparison = compare(
        lambda: torch.autograd.grad(divergence(x).value, x),
        lambda: torch.autograd.grad(peer(x.flatten(1), y.flatten(1)), x),
    )
    report(comparison.describe("loss + gradient, N=4096, T=30, against geomloss", 40))


def test_training_step_and_epoch_against_peers():
    trainer, state = build_trainer("linear-3")
    peer = PeerTraining(trainer.task.training, trainer.task.validation)
    one_batch, one_state = build_trainer(
        "linear-3", **{"data.n_sequences": 3 * 4096, "train.validate_every": 1000}
    )
    steps = one_batch.run_epochs(one_state)
    comparison = compare(lambda: next(steps), lambda: peer.step(one_batch.task.training))
    report(comparison.describe("training step, N=4096, T=30, against nn.RNN + autograd + geomloss", 10))
    epochs = trainer.run_epochs(state)
    comparison = compare(lambda: next(epochs), peer.run_epoch, rounds=2)
    report(comparison.describe("published epoch with validation, linear-3, against the same", 12))


def test_sampling_against_hmmlearn():
    hmm = load_preset("linear-2").hmm
    peer = hmmlearn.hmm.CategoricalHMM(n_components=hmm.n_states)
    peer.startprob_, peer.transmat_ = hmm.initial_probs, hmm.transition_matrix
    peer.emissionprob_ = hmm.emission_probs
    rng = np.random.default_rng(0)
    comparison = compare(
        lambda: sample_sequences(hmm, 3000, 100, rng=rng),
        lambda: [peer.sample(100, random_state=i) for i in range(3000)],
    )
    report(comparison.describe("HMM sampling, 3 000 x 100, against hmmlearn", 30))
    seconds = measure(lambda: sample_sequences(hmm, 30_000, 100, rng=rng))
    report(f"HMM sampling, 30 000 x 100: {seconds:.2f} s")


MEMORY_SCRIPT = """
import json, re, sys
from pathlib import Path
from orbitscope.hmm import load_preset
from orbitscope.recipes import build_settings
from orbitscope.training.memory_estimate import estimate_memory
from orbitscope.training import Trainer, initialise_training, prepare_task
settings = build_settings(sys.argv[1], recipe="published", changes=json.loads(sys.argv[2]))
task = prepare_task(load_preset(sys.argv[1]).hmm, settings)
next(Trainer(task, settings).run_epochs(initialise_training(task, settings)))
peak = 1024 * int(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])
print(peak / 2**30, estimate_memory(settings, 3) / 2**30)
"""


def measure_peak_memory(preset: str, **changes) -> tuple[float, float]:
    """Peak and estimated memory of one published epoch in its own process, in GB (Linux).

    Not ru_maxrss, which a new process inherits from the one that starts it.
    """
    command = [sys.executable, "-c", MEMORY_SCRIPT, preset, json.dumps(changes)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    peak, estimate = map(float, done.stdout.split())
    return peak, estimate


def test_memory_of_published_training():
    peak, estimate = measure_peak_memory("linear-2")
    report(
        f"peak memory of published training, N=4096, T=100: {peak:.2f} GB "
        f"(estimated {estimate:.2f} GB, target 1.5 GB)"
    )


def test_start_of_the_command_line():
    command = [sys.executable, "-m", "orbitscope", "--help"]
    seconds = [measure(lambda: subprocess.run(command, capture_output=True, check=True)) for _ in range(5)]
    report(f"orbitscope --help: {np.median(seconds):.2f} s (target 0.3 s)")


def small(**changes):
    """One batch of 1024 sequences, with changes."""
    return {"train.batch_size": 1024, "data.n_sequences": 3072, **changes}


GROWTH = {
    "N": {n: {"train.batch_size": n, "data.n_sequences": 3 * n} for n in (1024, 2048, 4096, 8192, 16384)},
    "T": {t: small(**{"data.n_steps": t}) for t in (25, 50, 100, 200)},
    "hidden": {h: small(**{"model.hidden_size": h}) for h in (75, 150, 300, 600)},
}


@pytest.mark.parametrize("label", GROWTH)
def test_growth_of_a_training_step(label):
    lines = []
    for value, change in GROWTH[label].items():
        trainer, state = build_trainer("linear-3", **change, **{"train.validate_every": 1000})
        epochs = trainer.run_epochs(state)
        next(epochs)
        started = time.perf_counter()
        next(epochs)
        lines.append(f"{label} = {value}: {time.perf_counter() - started:.3f} s")
    report("training step: " + ", ".join(lines))


@pytest.mark.parametrize("label", GROWTH)
def test_growth_of_memory(label):
    peaks = {value: measure_peak_memory("linear-3", **change)[0] for value, change in GROWTH[label].items()}
    report("peak memory: " + ", ".join(f"{label} = {value}: {peak:.2f} GB" for value, peak in peaks.items()))


def test_growth_of_the_likelihood_with_states():
    lines = []
    for n_states in (10, 50, 100, 200, 400):
        rng = np.random.default_rng(0)
        hmm = build_random(n_states, 10, rng=rng)
        symbols = sample_sequences(hmm, 1000, 100, rng=rng).symbols
        seconds = measure(lambda hmm=hmm, symbols=symbols: compute_log_likelihood(hmm, symbols))
        lines.append(f"{n_states} states: {seconds:.2f} s")
    report("log-likelihood of 1000 x 100: " + ", ".join(lines))
