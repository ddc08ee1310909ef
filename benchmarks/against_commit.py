"""How much faster training is than with the code of an earlier commit: ratios of epochs, in turn.

    python benchmarks/against_commit.py 99d3899 linear-2:fast linear-2:faithful

Two threads and nothing beside them. Code of two commits cannot be in one process: each round runs both,
one after the other, each in a process of its own, and the ratio is the median over rounds.
"""

import argparse
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Print a line for each size of batch, and for the whole schedule."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("commit")
    parser.add_argument("runs", nargs="*", default=["linear-2:fast", "linear-2:faithful"])
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(
            ["git", "archive", arguments.commit, "src"], cwd=ROOT, capture_output=True, check=True
        )
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
            files.extractall(folder, filter="data")
        rounds = [
            [measure(source, arguments.runs) for source in (ROOT / "src", Path(folder) / "src")]
            for _ in range(arguments.rounds)
        ]
    for run, epochs in rounds[0][0].items():
        for batch in epochs:
            ours, theirs = (np.array([sides[i][run][batch] for sides in rounds]) for i in range(2))
            ratio = theirs / ours
            print(
                f"{run}, {batch}: {np.median(ratio):.2f}x [{ratio.min():.2f}, {ratio.max():.2f}] "
                f"({np.median(ours):.2f} s, {arguments.commit} {np.median(theirs):.2f} s)"
            )


def measure(source: Path, runs: list[str]) -> dict[str, dict[str, float]]:
    """Seconds of epochs with the code in a folder."""
    command = [sys.executable, str(Path(__file__).with_name("epochs_of.py")), *runs]
    environment = os.environ | {"PYTHONPATH": str(source), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


if __name__ == "__main__":
    main()
