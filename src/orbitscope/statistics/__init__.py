"""Intervals, tests and change points shared by every analysis."""

from orbitscope.statistics.bootstrap import BootstrapResult as BootstrapResult
from orbitscope.statistics.bootstrap import JackknifeResult as JackknifeResult
from orbitscope.statistics.bootstrap import bootstrap_statistic as bootstrap_statistic
from orbitscope.statistics.bootstrap import compute_jackknife as compute_jackknife
from orbitscope.statistics.bootstrap import divide_sums as divide_sums
from orbitscope.statistics.change_point import ChangePoint as ChangePoint
from orbitscope.statistics.change_point import ChangePointInterval as ChangePointInterval
from orbitscope.statistics.change_point import PlateauRule as PlateauRule
from orbitscope.statistics.change_point import bootstrap_change_point as bootstrap_change_point
from orbitscope.statistics.change_point import find_change_point as find_change_point
from orbitscope.statistics.equivalence import EquivalenceResult as EquivalenceResult
from orbitscope.statistics.equivalence import assess_bootstrap_equivalence as assess_bootstrap_equivalence
from orbitscope.statistics.equivalence import assess_equivalence as assess_equivalence
from orbitscope.statistics.equivalence import decide_equivalence as decide_equivalence
from orbitscope.statistics.logistic import LogisticFit as LogisticFit
from orbitscope.statistics.logistic import fit_logistic_regression as fit_logistic_regression
from orbitscope.statistics.net_share import NetShare as NetShare
from orbitscope.statistics.net_share import compute_net_share as compute_net_share
from orbitscope.statistics.partitions import compute_adjusted_rand_index as compute_adjusted_rand_index
from orbitscope.statistics.permutation import adjust_holm as adjust_holm
from orbitscope.statistics.permutation import compute_permutation_p_value as compute_permutation_p_value
from orbitscope.statistics.permutation import draw_until_decided as draw_until_decided
from orbitscope.statistics.permutation import flip_signs as flip_signs
