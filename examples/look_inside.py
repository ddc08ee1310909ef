"""Where does a trained network slow down, and where does it kick? From one part of an analysis to a sentence.

Analyses a network of the zoo (a copy in runs/), then reads the result: residency, unstable directions, order.

    python examples/look_inside.py [NETWORK]
"""

import argparse

import orbitscope as osc
from orbitscope.dynamics.regions.regions import RegionResult

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("network", nargs="?", default="zoo:linear-3")
parser.add_argument("--toy", action="store_true", help="smaller, for tests")
arguments = parser.parse_args()

osc.analyse_run(arguments.network, only=["regions"], quick=arguments.toy)
regions = osc.load_part(arguments.network, "regions", quick=arguments.toy)
assert isinstance(regions, RegionResult)  # tells an editor its fields
rows = regions.measure.tolist()
for i, name in enumerate(regions.region):
    share, unstable, null = (
        float(regions.estimate[rows.index(m), i]) for m in ("share", "unstable", "unstable_null")
    )
    print(f"{name}: {share:.0%} of states, {unstable:.2f} unstable directions ({null:.2f} by chance)")
print(f"slow to kick to transition to slow: net {regions.net_flux} cycles per 100 steps")
