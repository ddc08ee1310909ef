"""Intervals, tests and change points shared by every analysis."""

from .bootstrap import BootstrapResult as BootstrapResult
from .bootstrap import JackknifeResult as JackknifeResult
from .bootstrap import bootstrap_statistic as bootstrap_statistic
from .bootstrap import compute_jackknife as compute_jackknife
from .bootstrap import divide_sums as divide_sums
from .change_point import ChangePoint as ChangePoint
from .change_point import ChangePointInterval as ChangePointInterval
from .change_point import PlateauRule as PlateauRule
from .change_point import bootstrap_change_point as bootstrap_change_point
from .change_point import find_change_point as find_change_point
from .equivalence import EquivalenceResult as EquivalenceResult
from .equivalence import assess_bootstrap_equivalence as assess_bootstrap_equivalence
from .equivalence import assess_equivalence as assess_equivalence
from .equivalence import decide_equivalence as decide_equivalence
from .estimate import Estimate as Estimate
from .logistic import LogisticFit as LogisticFit
from .logistic import fit_logistic_regression as fit_logistic_regression
from .net_share import NetShare as NetShare
from .net_share import compute_net_share as compute_net_share
from .null import Null as Null
from .partitions import compute_adjusted_rand_index as compute_adjusted_rand_index
from .permutation import adjust_holm as adjust_holm
from .permutation import compute_permutation_p_value as compute_permutation_p_value
from .permutation import draw_until_decided as draw_until_decided
from .permutation import flip_signs as flip_signs
