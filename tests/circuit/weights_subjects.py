"""Subjects whose recurrent weights are planted, with groups of neurons as ``carriers`` gives them."""

import numpy as np
import torch
from planted import build_partly

from orbitscope.circuit import switches
from orbitscope.circuit.carriers import CarrierResult
from orbitscope.network import build_network
from orbitscope.statistics import Estimate
from orbitscope.subject import Subject

SIZES = {"n_trajectories": 20, "n_steps": 60, "burn_in": 30, "n_resamples": 10}
UP, DOWN = np.arange(6), np.arange(6, 12)
"""Neurons that carry 0 → 1, and 1 → 0."""


def make_network(w_hh, *, cell="relu", seed=0):
    """Two symbols, by what UP and DOWN do; every neuron has noise of its own, and some readout."""
    size = len(w_hh)
    sizes = {"hidden_size": size, "input_size": size}
    network = build_network(2, cell=cell, **sizes, generator=torch.Generator().manual_seed(seed)).double()
    with torch.no_grad():
        network.cell.w_hh.copy_(torch.as_tensor(w_hh))
        network.cell.w_ih.copy_(torch.eye(size))
        network.w_out.mul_(0.3)
        network.w_out[1, UP], network.w_out[0, DOWN] = 1.0, 1.0
    return network


def plant_blocks(size=48, *, strength=0.05, noise=0.03, seed=0):
    """Random weights, with excitation in both groups and inhibition between them."""
    weights = noise * np.random.default_rng(seed).standard_normal((size, size))
    for group, other in ((UP, DOWN), (DOWN, UP)):
        weights[np.ix_(group, group)] += strength
        weights[np.ix_(group, other)] -= strength
    return weights


def make_carriers(size, first=(UP, DOWN), *, carriers=((), ()), effect=0.5, lead=2):
    """What ``carriers`` finds: the first neurons of both directions, and which of them are carriers."""
    effects, is_carrier = np.zeros((2, size)), np.zeros((2, size), dtype=int)
    for d in (0, 1):
        effects[d, first[d]], is_carrier[d, list(carriers[d])] = 1.0, 1
    facts = {
        "direction": np.array(["0 → 1", "1 → 0"]),
        "origin": np.array([0, 1]),
        "target": np.array([1, 0]),
    }
    return build_partly(
        CarrierResult,
        **facts,
        neuron=np.arange(size),
        effect=Estimate(effects),
        is_carrier=is_carrier,
        total_effect=Estimate(np.broadcast_to(effect, 3)),
        lead=np.array(lead),
        settings={"n_together": len(first[0])},
        status={"notes": []},
    )


def make_subject(w_hh, *, sizes=SIZES, process=None, change=lambda network: network, **groups):
    """A subject with its switches and these groups; its network may be changed before."""
    subject = Subject(change(make_network(w_hh)), process)
    subject.found["switches"] = switches.PART.run(subject, switches.SwitchSettings(**sizes))
    subject.found["carriers"] = make_carriers(len(w_hh), **groups)
    return subject
