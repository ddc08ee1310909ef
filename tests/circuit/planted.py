"""Networks with planted carriers: triggers that flip a latch, a delay line to the readout, distractors."""

import numpy as np
import torch
from latches import GAIN, start_saturated
from scipy.stats import norm

from orbitscope.network import build_network


def build_partly(kind, **facts):
    """An object of a class with some of its attributes alone."""
    made = kind.__new__(kind)
    made.__dict__.update(facts)
    return made


FIRING = 2.4
"""Drive of all triggers of one kind together, in units of the latch: more than .42 of them flip it."""


def make_triggered_latch(n_up=1, n_down=1, *, delay=1, n_distractors=12, n_followers=0, flip=0.03, n_alone=0):
    """Noise fires triggers, these flip the latch one step later, and the symbol follows by the delay.

    Units: latch, followers, up triggers, down triggers, delay line, distractors. Distractors have noise of
    their own and a weak readout. Followers are driven as the triggers are, up ones first, and read out only:
    they differ as much, and come first where a rule cannot tell them apart. If asked for, the first
    distractors are triggers of their own: each flips the latch up alone.

    Returns
    -------
    network, up, down
        With the numbers of the triggers.
    """
    sizes = np.cumsum([1, n_followers, n_up, n_down, delay, n_distractors])
    latch, followers, up, down, line, distractors = np.split(np.arange(sizes[-1]), sizes[:-1])
    network = _build_silent(int(sizes[-1]), 2 + n_distractors)
    threshold = float(norm.ppf(1 - flip))
    with torch.no_grad():
        w_hh, w_ih, bias = network.cell.w_hh, network.cell.w_ih, network.cell.bias
        w_hh[latch[0], latch[0]] = GAIN
        for units, sign in ((up, 1.0), (down, -1.0)):
            w_hh[latch[0], units] = sign * GAIN * FIRING / 2 / max(len(units), 1)
            bias[latch[0]] += sign * GAIN * FIRING / 2 if len(units) else 0.0
        for column, units in enumerate((up, down)):
            copies = followers[column::2]
            for unit in (*units, *copies):
                w_ih[unit, column] = GAIN
                bias[unit] = -GAIN * threshold
        for before, unit in zip([latch[0], *line[:-1]], line, strict=True):
            w_hh[unit, before] = GAIN
        for column, unit in enumerate(distractors):
            w_ih[unit, 2 + column] = 1.0
        for unit in distractors[:n_alone]:
            network.cell.w_ih[unit] *= GAIN
            bias[unit] = -GAIN * float(norm.ppf(1 - flip / n_alone))
            w_hh[latch[0], unit] = GAIN * FIRING / 2
            bias[latch[0]] += GAIN * FIRING / 2
        shown = line[-1] if len(line) else latch[0]
        network.w_out[0, shown], network.w_out[1, shown] = -1.0, 1.0
        weak = [*distractors[n_alone:], *followers]
        network.w_out[1, weak] = 0.3 / max(len(weak), 1)
    return start_saturated_latch(network, latch, line), up.tolist(), down.tolist()


def make_relayed_latch(*, n_distractors=20, flip=0.05):
    """Noise fires a trigger, the trigger its relay, and the relay flips the latch that is read out.

    Units: latch, triggers up and down, relays up and down, distractors. A relay follows its trigger while the
    gain on what it receives is above .5, and is silent below. The other units receive nothing from neurons,
    but the latch itself.
    """
    size = 5 + n_distractors
    network = _build_silent(size, 2 + n_distractors)
    with torch.no_grad():
        w_hh, w_ih, bias = network.cell.w_hh, network.cell.w_ih, network.cell.bias
        w_hh[0, 0] = GAIN
        for column, (trigger, relay, sign) in enumerate(((1, 3, 1.0), (2, 4, -1.0))):
            w_ih[trigger, column] = GAIN
            bias[trigger] = -GAIN * float(norm.ppf(1 - flip))
            w_hh[relay, trigger] = 2 * GAIN
            bias[relay] = -GAIN
            w_hh[0, relay] = sign * GAIN * FIRING / 2
        for i in range(n_distractors):
            w_ih[5 + i, 2 + i] = 1.0
        network.w_out[0, 0], network.w_out[1, 0] = -1.0, 1.0
        network.w_out[1, 5:] = 0.3 / max(n_distractors, 1)
    return start_saturated_latch(network, [0], [])


def make_majority(n_members, *, delay=1, n_distractors=0, flip=0.03):
    """The latch is the majority of units that noise flips together; see :func:`find_share_of_majority`."""
    size = n_members + delay + n_distractors
    network = _build_silent(size, 1 + n_distractors)
    members, line = np.arange(n_members), np.arange(n_members, n_members + delay)
    with torch.no_grad():
        network.cell.w_hh[:n_members, :n_members] = GAIN / n_members
        network.cell.w_ih[:n_members, 0] = GAIN / float(norm.ppf(1 - flip))
        network.cell.w_hh[line[0], :n_members] = GAIN / n_members
        for before, unit in zip(line[:-1], line[1:], strict=True):
            network.cell.w_hh[unit, before] = GAIN
        for column in range(n_distractors):
            network.cell.w_ih[n_members + delay + column, 1 + column] = 1.0
        network.w_out[0, line[-1]], network.w_out[1, line[-1]] = -1.0, 1.0
        network.w_out[1, n_members + delay :] = 0.3 / max(n_distractors, 1)
    return start_saturated(network), members.tolist()


def reverse_neurons(network, members):
    """The same network with its neurons in reverse order: what comes first among equals comes last."""
    start = network.initial_state
    with torch.no_grad():
        network.cell.w_hh.copy_(network.cell.w_hh.flip(0, 1))
        network.cell.w_ih.copy_(network.cell.w_ih.flip(0))
        network.w_out.copy_(network.w_out.flip(1))
    network.initial_state = lambda n_trajectories: start(n_trajectories).flip(1)
    return network, sorted(network.hidden_size - 1 - member for member in members)


def find_share_of_majority(n_patched, n_members, *, flip=0.03):
    """Effect of patching some members, over that of all: a chain of two states forgets the rest of it."""
    threshold = float(norm.ppf(1 - flip))
    gone = norm.cdf(-threshold * (1 - 2 * np.asarray(n_patched) / n_members))
    return (gone - flip) / (1 - 2 * flip)


def start_saturated_latch(network, latch, line):
    """Trajectories begin with the latch and its line up or down, and triggers that do not fire."""

    def initial_state(n_trajectories):
        signs = np.random.default_rng(0).choice([-1.0, 1.0], size=n_trajectories)
        state = -torch.ones(n_trajectories, network.hidden_size, dtype=torch.float64)
        state[:, [*latch, *line]] = torch.from_numpy(signs)[:, None]
        return state

    network.initial_state = initial_state
    return network


def _build_silent(hidden_size, input_size):
    """A tanh network whose weights are all 0."""
    generator = torch.Generator().manual_seed(0)
    sizes = {"hidden_size": hidden_size, "input_size": input_size}
    network = build_network(2, cell="tanh", **sizes, bias=True, generator=generator).double()
    with torch.no_grad():
        for weights in network.parameters():
            weights.zero_()
    return network
