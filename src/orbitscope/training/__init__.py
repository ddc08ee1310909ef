"""Train a network to emulate a process: task, schedule, loop and what an epoch reports."""

from .cost_model import CostModel as CostModel
from .cost_model import predict_epochs as predict_epochs
from .cost_model import predict_seconds_left as predict_seconds_left
from .epoch import EpochRecord as EpochRecord
from .schedule import ASSUMED_PLATEAU_EPOCHS as ASSUMED_PLATEAU_EPOCHS
from .schedule import CHECKED_SHARE as CHECKED_SHARE
from .schedule import BatchPlan as BatchPlan
from .schedule import EpochPlan as EpochPlan
from .schedule import plan_batches as plan_batches
from .schedule import plan_epoch as plan_epoch
from .schedule import split_batches as split_batches
from .symbol_pairs import compare_symbol_matrices as compare_symbol_matrices
from .symbol_pairs import compute_memory as compute_memory
from .task import EmulationTask as EmulationTask
from .task import prepare_task as prepare_task
from .trainer import LARGEST_ACTIVITY as LARGEST_ACTIVITY
from .trainer import PLATEAU_MEMORY as PLATEAU_MEMORY
from .trainer import Trainer as Trainer
from .trainer import TrainingDivergedError as TrainingDivergedError
from .trainer import TrainingState as TrainingState
from .trainer import initialise_training as initialise_training
from .transition import LOSS_WITHOUT_MEMORY as LOSS_WITHOUT_MEMORY
from .transition import find_transition as find_transition
from .transition import measure_course as measure_course
