"""Fixed and slow points of the noise-free map F: where q = ½‖F(h) − h‖² vanishes or is smallest."""

import copy
import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Shaped
from pydantic import Field
from torch import Tensor

from ...errors import InputError
from ...network import NoiseRNN
from ...part import Part
from ...part_settings import DrivenStarts
from ...quantity import Definition, Quantity, define, known_value
from ...results import Result, axes
from ...subject import Subject
from ..driving.driven_states import draw_driven_states
from ..driving.homogeneity import is_map_homogeneous
from ..driving.points import merge_points, require_points
from ..stability.jacobians import compute_spectra
from .fixed_point_search import PointSearch

HOMOGENEITY_NOTE = (
    "F(s h) = s F(h) for s > 0: the origin is a fixed point, and no other can be isolated, because with h* "
    "every s h* is fixed. This is an identity, not a finding. Directions were searched with q/‖h‖²."
)

_LEARNING_RATE = 0.05
"""First step of Adam as a share of the root mean square activity; it falls to 0 along a cosine."""

_GRADIENT_TOLERANCE = 1e-4
"""Largest ‖∇q‖/‖F(h) − h‖ of a converged slow point."""

_UNSTABLE_ABOVE = 1 + 1e-5
"""|λ| above which an eigenvalue counts as unstable: the one along a ray is 1 up to rounding."""

_KINK_REACH = 1e-7
"""Distance, as a share of the scale, within which a point is looked at for a kink."""

_TESTS = "tests/dynamics/noise_free/test_fixed_points.py"

DEFINITIONS = define(
    Definition(
        key="n_points",
        label="{} of the noise-free map",
        meaning="Points where the noise-free map F rests (fixed), rays that it keeps (ray), and points where "
        "its step is smallest (slow).",
        equation="fixed: q = ½‖F(h) − h‖² < 1e-20 scale²; ray: q/‖h‖² of a direction; slow: minima of q",
        reading="A ReLU network without biases can have one isolated fixed point only, silence: an identity.",
        test=f"{_TESTS}::test_one_bistable_unit_has_two_stable_points_and_an_unstable_one",
        source="sussillo2013; own treatment of homogeneous maps",
    ),
    Definition(
        key="n_unstable",
        label="of all these, unstable",
        meaning="Points at which the Jacobian has an eigenvalue outside the unit circle.",
        equation="n(points with |λ| > 1)",
        reading="Off fixed points an unstable direction does not decide stability.",
        test=f"{_TESTS}::test_a_flip_flop_of_two_units",
    ),
)


class FixedPointSettings(DrivenStarts):
    """Settings of the part ``fixed_points``."""

    max_steps: int = Field(default=1000, ge=0, description="steps of the descent")


@dataclass(frozen=True, kw_only=True, eq=False)
class FixedPointResult(Result):
    """Fixed and slow points, fixed ones first, each group by the number of starts.

    ``status`` holds ``homogeneous`` and, where that is so, a ``note`` on what follows; ``n_steps`` of the
    descent; ``n_unconverged_starts``; ``n_without_spectrum`` (points at a kink of F); and ``scale``, the mean
    ‖h‖ of the starts (1 on the sphere), in which tolerances and distances are meant.

    Attributes
    ----------
    points : (point, state)
        A ray is given by its direction of length 1.
    kind : (point,)
        "fixed" if q is below tolerance, "ray" if the ray through the point is fixed, else "slow".
    q : (point,)
        ½‖F(h) − h‖²; q/‖h‖² for directions of a homogeneous map.
    symbol : (point,)
        Most probable symbol there; −1 where several are (at the origin, if the readout has no bias).
    speed : (point,)
        ‖F(h) − h‖, relative to ‖h‖ for directions of a homogeneous map.
    gradient : (point,)
        ‖∇q‖/‖F(h) − h‖: 0 at a minimum of q; NaN at a fixed point.
    converged : (point,)
        True if q or ``gradient`` is below tolerance. Else more steps are needed, or the minimum is at a kink.
    spectral_radius : (point,)
        Largest |λ| of the Jacobian; NaN where F has no derivative (the origin of a bias-free ReLU network).
    n_unstable : (point,)
        Eigenvalues with |λ| > 1; NaN likewise. Off fixed points they do not decide stability.
    n_starts : (point,)
        Starts that ended here. The origin of a homogeneous map is not searched for: it has the silent ones.
    reached : (start,)
        Index of the point where each start ended.
    """

    points: Float[np.ndarray, "point state"] = axes("point", "state", description="state of the point")
    kind: Shaped[np.ndarray, " point"] = axes("point", description="fixed, ray or slow")
    symbol: Int[np.ndarray, " point"] = axes("point", description="most probable symbol")
    q: Float[np.ndarray, " point"] = axes("point", description="half the squared step")
    speed: Float[np.ndarray, " point"] = axes("point", unit="1/step", description="length of the step")
    gradient: Float[np.ndarray, " point"] = axes("point", description="‖∇q‖/‖F(h) − h‖")
    converged: Bool[np.ndarray, " point"] = axes("point", description="q or its gradient vanishes")
    spectral_radius: Float[np.ndarray, " point"] = axes("point", description="largest |λ|")
    n_unstable: Float[np.ndarray, " point"] = axes("point", description="eigenvalues with |λ| > 1")
    n_starts: Int[np.ndarray, " point"] = axes("point", description="starts that ended here")
    reached: Int[np.ndarray, " start"] = axes("start", description="point where a start ended")

    @property
    def is_fixed(self) -> Bool[np.ndarray, " point"]:
        """Points (not rays) that F maps to themselves."""
        return self.kind == "fixed"

    def list_quantities(self) -> list[Quantity]:
        """Number of points of each kind, and of unstable ones."""
        is_identity = self.status["homogeneous"]
        only_origin = known_value("identity, the origin alone:", 1.0) if is_identity else ()
        names = {"fixed": "fixed points", "ray": "rays of fixed points", "slow": "slow points"}
        counts = [
            DEFINITIONS["n_points"].measure((self.kind == kind).sum(), kind, name=name)
            for kind, name in names.items()
        ]
        unstable = DEFINITIONS["n_unstable"].measure((self.n_unstable > 0).sum())
        return [replace(counts[0], beside=only_origin), *counts[1:], unstable]


def compute_fixed_points(subject: Subject, settings: FixedPointSettings) -> FixedPointResult:
    """Fixed and slow points from driven states: see :func:`find_fixed_points`."""
    generator = subject.start_generator("fixed_points")
    states = draw_driven_states(subject, settings, generator=generator)
    return find_fixed_points(subject.network, states, max_steps=settings.max_steps)


def find_fixed_points(
    network: NoiseRNN,
    states: Float[Tensor, "start state"],
    *,
    max_steps: int = 1000,
    polish_steps: int = 20,
    fixed_tolerance: float = 1e-20,
    merge_distance: float = 1e-3,
) -> FixedPointResult:
    """Find fixed and slow points of the noise-free map from many states at once.

    Parameters
    ----------
    network : NoiseRNN
    states : (start, state)
        Where the search starts: driven states, a few hundred.
    max_steps : int >= 0
        Steps of Adam; it ends earlier if every q is below tolerance.
    polish_steps : int >= 0
        Damped Gauss-Newton steps afterwards.
    fixed_tolerance : float >= 0
        Largest q/scale² of a fixed point, scale being the mean ‖h‖ of ``states``.
    merge_distance : float >= 0
        Ends closer than this share of the scale to the one with the least q are one point.

    Raises
    ------
    InputError
        If a state has the wrong width or is not finite, or a number is out of range.

    Notes
    -----
    Sussillo & Barak 2013. Differs: the descent is polished by Levenberg-Marquardt, all in double precision; a
    homogeneous map is searched on the sphere with q/‖h‖², where only rays can be fixed, and its origin is
    added. Nothing is drawn at random. Points of the state space that no driven state comes near may be found.
    """
    settings = {
        "max_steps": max_steps,
        "learning_rate": _LEARNING_RATE,
        "polish_steps": polish_steps,
        "fixed_tolerance": fixed_tolerance,
        "gradient_tolerance": _GRADIENT_TOLERANCE,
        "merge_distance": merge_distance,
    }
    require_points(network, states)
    for name, value in settings.items():
        if not value >= 0:
            raise InputError(f"`{name}` must be ≥ 0, got {value}. Leave it out for the default.")

    network, states = copy.deepcopy(network).double(), states.detach().double()
    on_sphere = is_map_homogeneous(network, states)
    scale = 1.0 if on_sphere else float(states.norm(dim=1).mean()) or 1.0
    search = PointSearch(network, on_sphere, fixed_tolerance * scale**2, _GRADIENT_TOLERANCE)

    # A silent state has no direction: it stays where it is.
    is_silent = ~states.any(1) if on_sphere else torch.zeros(len(states), dtype=torch.bool)
    size = _LEARNING_RATE * scale / math.sqrt(states.shape[1])
    ends, n_steps = search.descend(search.project(states[~is_silent]), size=size, max_steps=max_steps)
    ends, first = _merge(search, ends, merge_distance * scale)
    ends, second = _merge(search, search.polish(ends, polish_steps), merge_distance * scale)

    columns, reached = _tabulate(search, ends, second[first])
    if on_sphere:
        columns, reached = _add_origin(columns, reached, is_silent.cpu().numpy())
    points = torch.from_numpy(columns["points"])
    radius, n_unstable = _compute_spectra(network, points, scale)
    return FixedPointResult(
        settings={"n_starts": len(states), **settings},
        status={
            "homogeneous": on_sphere,
            "note": HOMOGENEITY_NOTE if on_sphere else "",
            "scale": scale,
            "n_steps": n_steps,
            "n_unconverged_starts": int(columns["n_starts"][~columns["converged"]].sum()),
            "n_without_spectrum": int(np.isnan(radius).sum()),
        },
        symbol=_find_symbols(network, points),
        speed=np.sqrt(2 * columns["q"]),
        spectral_radius=radius,
        n_unstable=n_unstable,
        reached=reached,
        **columns,
    )


def _merge(search: PointSearch, points: Tensor, distance: float) -> tuple[Tensor, Tensor]:
    """Keep the point with the least q among those within a distance; which one each has become."""
    kept, merged = merge_points(points, distance, order=search.measure(points)[0].argsort())
    return points[kept], merged


def _tabulate(
    search: PointSearch, points: Tensor, reached: Tensor
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Columns of the table of points, fixed ones first, and the row that each start has reached."""
    q, slope, converged = search.measure(points)
    n_starts = np.bincount(reached.cpu().numpy(), minlength=len(points))
    columns = {
        "points": points.cpu().numpy(),
        "q": q.cpu().numpy(),
        "gradient": slope.cpu().numpy(),
        "converged": converged.cpu().numpy(),
        "kind": np.where(
            (q <= search.tolerance).cpu().numpy(), "ray" if search.on_sphere else "fixed", "slow"
        ),
        "n_starts": n_starts,
    }
    order = np.lexsort((columns["q"], -n_starts, columns["kind"] == "slow"))
    return {name: column[order] for name, column in columns.items()}, order.argsort()[reached.cpu().numpy()]


def _add_origin(
    columns: dict[str, np.ndarray], reached: np.ndarray, is_silent: np.ndarray
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Put the origin before all directions; it is where silent starts stay."""
    rows = np.zeros(len(is_silent), dtype=int)
    rows[~is_silent] = reached + 1
    values = {"q": 0.0, "gradient": np.nan, "converged": True, "kind": "fixed", "n_starts": is_silent.sum()}
    origin = {"points": np.zeros(columns["points"].shape[1])} | values
    return {name: np.concatenate([[origin[name]], column]) for name, column in columns.items()}, rows


@torch.no_grad()
def _find_symbols(network: NoiseRNN, points: Tensor) -> np.ndarray:
    """Most probable symbol at each point, −1 where several share the largest logit."""
    logits = network.compute_logits(points)
    is_shared = (logits == logits.amax(1, keepdim=True)).sum(1) > 1
    return logits.argmax(1).where(~is_shared, -1).cpu().numpy()


def _compute_spectra(network: NoiseRNN, points: Tensor, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Spectral radius and unstable eigenvalues; NaN at a kink."""
    is_smooth = ~_find_kinks(network, points, _KINK_REACH * scale).numpy()
    found = np.full((2, len(points)), np.nan)
    if is_smooth.any():
        spectra = compute_spectra(network, points[torch.from_numpy(is_smooth)])
        sizes = np.abs(spectra.eigenvalues)
        found[:, is_smooth] = sizes.max(1), (sizes > _UNSTABLE_ABOVE).sum(1)
    return found[0], found[1]


@torch.no_grad()
def _find_kinks(network: NoiseRNN, points: Tensor, reach: float) -> Tensor:
    """Points where F has no derivative: second differences that fall with the distance, not its square."""
    still = points.new_zeros(len(points), network.input_size)
    middle = 2 * network.step(points, still)
    is_kink = torch.zeros(len(points), dtype=torch.bool)
    for shift in reach * torch.eye(points.shape[1], dtype=points.dtype):
        bend = network.step(points + shift, still) + network.step(points - shift, still) - middle
        is_kink |= bend.norm(dim=1) > 1e-3 * reach
    return is_kink


PART = Part(
    name="fixed_points",
    question="which fixed and slow points does the noise-free map have?",
    result=FixedPointResult,
    settings=FixedPointSettings,
    compute=compute_fixed_points,
    definitions=DEFINITIONS,
    seconds=4.0,
    quick={"n_states": 30, "max_steps": 200},
)
