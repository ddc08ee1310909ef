"""Verdicts on the claims, from what an evaluation and an analysis of a run have left in its folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..claims.claim import Verdict
from ..claims.conditions import FAILS, HOLDS, IDENTITY, INCONCLUSIVE, MISSING
from ..claims.ledger import judge_claims
from ..errors import RunFolderError
from ..evaluation import conclude_emulation
from ..evaluation.emulation import Emulation
from ..hmm import HMM
from ..runs.zoo import find_writable_run, name_network, open_run
from ..system.commands import format_command
from .saved_quantities import find_evaluation, load_quantities

_IN_WORDS = {
    HOLDS: ("holds", "hold"),
    FAILS: ("fails", "fail"),
    IDENTITY: ("follows from the kind of network", "follow from the kind of network"),
    INCONCLUSIVE: ("is inconclusive", "are inconclusive"),
    MISSING: ("was not measured", "were not measured"),
}
"""Verdicts behind a number: of one, and of several."""


@dataclass(frozen=True)
class JudgedRun:
    """Verdicts on all claims for one network.

    Attributes
    ----------
    network : str
    quick : bool
        Whether they rest on a first look, with small sizes.
    emulation : Emulation, optional
        None where the run was not evaluated.
    verdicts : tuple of Verdict
        In the order of the ledger.
    """

    network: str
    quick: bool
    emulation: Emulation | None
    verdicts: tuple[Verdict, ...]

    def count(self, word: str) -> int:
        """Claims with this verdict."""
        return sum(verdict.word == word for verdict in self.verdicts)

    def list_sentences(self) -> list[str]:
        """How many claims have which verdict, and which hold."""
        counts = [(self.count(word), *said) for word, said in _IN_WORDS.items()]
        said = ", ".join(f"{n} {one if n == 1 else many}" for n, one, many in counts if n)
        holding = [verdict.claim.name for verdict in self.verdicts if verdict.word == HOLDS]
        named = f"What holds: {', '.join(holding)}." if holding else "No claim holds."
        claims = f"{len(self.verdicts)} claims on how such networks work"
        return [f"Of {claims}, tested on {self.network}, {said}.", named]

    def to_plain(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "network": self.network,
            "quick": self.quick,
            "emulation": None if self.emulation is None else self.emulation.to_plain(),
            "claims": [verdict.to_plain() for verdict in self.verdicts],
        }


def judge_run(path: str | Path, *, quick: bool = False) -> JudgedRun:
    """Verdicts on the claims for the network of a run, from its saved results; nothing is computed.

    Parameters
    ----------
    path : path or str
        Run folder, or network of the zoo, whose results are in its copy in ``runs/``.
    quick : bool
        From the results of a first look.

    Raises
    ------
    RunFolderError
        If there is no such run, or it has neither an evaluation nor results of an analysis.

    Examples
    --------
    >>> judged = judge_run("runs/demo")
    >>> {verdict.claim.name: verdict.word for verdict in judged.verdicts}
    """
    quantities = load_quantities(path, quick=quick)
    if not quantities:
        has_hmm = isinstance(open_run(path).read_process(), HMM)
        commands = [format_command("evaluate", path)] if has_hmm else []
        commands.append(format_command("analyse", path, *["--quick"] * quick))
        raise RunFolderError(
            f"`{path}` must have results to judge, but has none. Make them with "
            f"{' and '.join(f'`{command}`' for command in commands)}."
        )
    evaluation, folder = find_evaluation(path), find_writable_run(path)
    verdicts = judge_claims(quantities)
    loss = open_run(path).read_settings().loss
    emulation = None if evaluation is None else conclude_emulation(evaluation, loss=loss)
    return JudgedRun(name_network(folder), quick, emulation, tuple(verdicts))
