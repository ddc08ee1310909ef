import subprocess
import sys

import pytest
from pydantic import ValidationError

from orbitscope.errors import InputError
from orbitscope.recipes import RECIPES, build_settings
from orbitscope.settings import RunSettings, Settings, TrainSettings, merge_settings, nest_keys

# Torre et al. 2025, appendix on training: T, epochs, clip
PUBLISHED = {
    "linear-2": (100, 500, 0.9),
    "linear-3": (30, 500, 0.9),
    "linear-4": (30, 500, 0.9),
    "linear-5": (40, 500, 0.9),
    "fully-connected-3": (30, 1000, 0.3),
    "cyclic-4": (40, 500, 0.3),
}


def test_a_repr_has_a_paragraph_for_each_stage_and_every_value():
    settings = build_settings("linear-2")
    lines = repr(settings).splitlines()
    assert (
        lines[1] == "    process='linear-2', symbol_names=(), recipe='fast', seed=0, threads=2, device='cpu',"
    )
    assert [line.split("=")[0].strip() for line in lines[2:-1] if line[4] != " "] == [
        "model",
        "data",
        "loss",
        "train",
        "evaluate",
    ]
    assert max(map(len, lines)) <= 100
    stages = [value for _, value in settings if isinstance(value, Settings)]
    assert all(repr(stage) in " ".join(map(str.strip, lines)) for stage in stages)
    assert str(settings) == repr(settings)


@pytest.mark.parametrize("preset", PUBLISHED)
def test_published_recipe_is_the_papers(preset):
    n_steps, epochs, clip = PUBLISHED[preset]
    settings = build_settings(preset, recipe="published")
    model = {"cell": "relu", "hidden_size": 150, "input_size": 100, "bias": False, "noise_std": 1.0}
    assert settings.model.model_dump() == model
    assert settings.data.model_dump() == {"n_sequences": 30_000, "n_steps": n_steps}
    assert settings.data.n_per_split == 10_000
    assert (settings.loss.objective, settings.loss.epsilon) == ("sequences", 0.04)
    assert settings.loss.mode == "published"
    train = settings.train.model_dump() | {"checkpoint_every": None}
    assert train == {
        "epochs": epochs,
        "batch_size": 4096,
        "final_batch_size": None,
        "learning_rate": 1e-3,
        "final_learning_rate": None,
        "growth_start": 1.0,
        "growth_end": None,
        "decay_start": 1.0,
        "gradient_clip": clip,
        "temperature": 1.0,
        "settle_epochs": 0,
        "activity_growth_weight": 0.0,
        "settle_learning_rate": None,
        "plateau_self_weight": 1.0,
        "plateau_batch_size": None,
        "plateau_learning_rate": None,
        "plateau_draws": 1,
        "average_start": 1.0,
        "beta1": 0.9,
        "beta2": 0.9,
        "validate_every": 1,
        "checkpoint_every": None,
        "stop_after": 0,
    }


@pytest.mark.parametrize("preset", PUBLISHED)
def test_fast_recipe_keeps_loss_network_and_length(preset):
    fast, published = (build_settings(preset, recipe=recipe) for recipe in ("fast", "published"))
    assert fast == build_settings(preset)
    assert (fast.loss, fast.model, fast.data) == (published.loss, published.model, published.data)
    assert fast.train.gradient_clip == published.train.gradient_clip
    assert fast.train.temperature == 1.0
    assert fast.train.epochs < published.train.epochs


@pytest.mark.parametrize("recipe", RECIPES)
def test_other_processes_get_defaults(recipe):
    settings = build_settings("random-6x4@7", recipe=recipe, seed=3, threads=1)
    assert (settings.process, settings.recipe, settings.seed, settings.threads) == (
        "random-6x4@7",
        recipe,
        3,
        1,
    )
    assert (settings.data.n_steps, settings.train.gradient_clip) == (30, 0.9)


def test_changes_are_nested_or_dotted():
    dotted = build_settings("linear-2", changes={"train.epochs": 12, "model.bias": True})
    nested = build_settings("linear-2", changes={"train": {"epochs": 12}, "model": {"bias": True}})
    assert dotted == nested
    assert (dotted.train.epochs, dotted.model.bias) == (12, True)
    default = build_settings("linear-2")
    assert dotted.train.model_dump() == default.train.model_dump() | {"epochs": 12}
    assert (
        default.override({"train.epochs": "12", "model": {"bias": "true"}}) == dotted
    )  # text of a command line


def test_settings_round_trip_through_toml():
    settings = build_settings(
        "linear-3", seed=4, changes={"train.learning_rate": 0.1 + 0.2, "model.noise_std": 1e-9}
    )
    assert RunSettings.from_toml(settings.to_toml()) == settings
    named = settings.override({"symbol_names": ["sun", 'a "quoted" rain', "naïve"]})
    assert RunSettings.from_toml(named.to_toml()) == named
    assert named.symbol_names == ("sun", 'a "quoted" rain', "naïve")
    assert (named.n_symbols, settings.n_symbols) == (3, 0)
    published = build_settings("cyclic-4", recipe="published")
    assert RunSettings.from_toml(published.to_toml()) == published
    assert "final_batch_size" not in published.to_toml()


def test_settings_are_frozen():
    settings = build_settings("linear-3")
    with pytest.raises(ValidationError, match="frozen"):
        settings.train.epochs = 3  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"train.epoch": 3},
            r"unknown setting `train\.epoch`\. Did you mean `train\.epochs`.*Valid: train\.activity",
        ),
        (
            {"trian.epochs": 3},
            r"unknown setting `trian`\. Did you mean `train`.*\? Valid: data, .*threads, train\.",
        ),
        ({"train": 3}, r"`train`: .*got 3"),
        (
            {"train.epochs": 0},
            r"`train\.epochs` must be ≥ 1, got 0\. It is: passes",
        ),
        ({"train.epochs": "many"}, r"`train\.epochs`: input should be a valid integer.*got 'many'"),
        ({"model.cell": "lstm"}, r"`model\.cell`: .*'relu' or 'tanh', got 'lstm'"),
        ({"model.noise_std": -1}, r"`model\.noise_std` must be ≥ 0, got -1"),
        ({"train.learning_rate": float("nan")}, r"`train\.learning_rate`: .*finite number, got nan"),
        ({"train.beta2": 1.0}, r"`train\.beta2` must be < 1, got 1.0"),
        (
            {"symbol_names": ["a", "b", "a"]},
            r"symbol_names must be at least 2 different names, got 3 \(2 different\)\. Give one unique",
        ),
        ({"symbol_names": ["a"]}, r"must be at least 2 different names, got 1 \(1 different\)"),
        (
            {"symbol_names": ["a", 2]},
            r"`symbol_names\.1`: input should be a valid string, got 2\. It is: names",
        ),
        (
            {"symbol_names": "ab"},
            r"`symbol_names`: input should be a valid tuple, got 'ab'\. .*a list of str",
        ),
        ({"seed": -1}, r"`seed` must be ≥ 0, got -1"),
        (
            {"train.final_batch_size": 64},
            r"train\.final_batch_size must be ≥ train\.batch_size = 1250, got 64\.",
        ),
        (
            {"train.growth_start": 0.8},
            r"train\.growth_start must be ≤ train\.decay_start = 0\.65, .* got 0\.8\.",
        ),
        (
            {"train.growth_end": 0.1},
            r"train\.growth_start must be ≤ train\.growth_end = 0\.1, .* got 0\.25\.",
        ),
        ({"train.decay_start": 1.0}, r"train\.decay_start must be < 1 for train\.final_learning_rate"),
        (
            {"train.growth_start": 1.0, "train.decay_start": 1.0},
            r"train\.growth_start must be < 1 for train\.final_batch_size to be reached, got 1\.",
        ),
    ],
)
def test_bad_settings_say_requirement_value_and_remedy(changes, message):
    with pytest.raises(InputError, match=message) as caught:
        build_settings("linear-3", changes=changes)
    assert "pydantic" not in str(caught.value)
    with pytest.raises(InputError, match=message):
        build_settings("linear-3").override(changes)


def test_the_learning_rate_may_fall_while_the_batch_stays():
    changes = {"train.final_learning_rate": 1e-4, "train.decay_start": 0.5}
    assert build_settings("linear-3", recipe="published", changes=changes).train.decay_start == 0.5


def test_unknown_recipes_list_the_valid_ones():
    with pytest.raises(
        InputError,
        match=r"unknown recipe `fats`\. Did you mean `fast` or `faithful`\? Valid: faithful, fast, published",
    ):
        build_settings("linear-2", recipe="fats")


def test_toml_that_is_no_settings_is_refused():
    with pytest.raises(InputError, match=r"settings must be valid TOML: Invalid value"):
        RunSettings.from_toml("seed = ")
    with pytest.raises(InputError, match=r"`process` is required\. Add it"):
        RunSettings.from_toml("seed = 1\n")


def test_one_stage_is_built_alone():
    assert TrainSettings.build({"epochs": 3}).epochs == 3
    with pytest.raises(InputError, match=r"unknown setting `train\.epoch`.*`train\.epochs`"):
        TrainSettings.build({"epoch": 3}, path="train")


def test_nesting_and_merging_leave_their_input_alone():
    base = {"a": {"b": 1, "c": 2}, "d": 3}
    assert merge_settings(base, {"a": {"b": 5}, "e": 6}) == {"a": {"b": 5, "c": 2}, "d": 3, "e": 6}
    assert base == {"a": {"b": 1, "c": 2}, "d": 3}
    assert nest_keys({"a.b.c": 1, "a.b.d": 2, "a.e": {"f.g": 3}}) == {
        "a": {"b": {"c": 1, "d": 2}, "e": {"f": {"g": 3}}}
    }


def test_settings_need_no_torch():
    code = (
        "import sys; from orbitscope.recipes import build_settings; build_settings('linear-2'); "
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_trajectories": 29}, r"evaluate\.n_raster must be ≤ evaluate\.n_trajectories = 29, got 30"),
        ({"n_matched": 20_000}, r"n_matched × n_matches must be ≤ evaluate\.n_sequences = 20000, got 100000"),
        ({"n_refitted": 6000}, r"n_refitted × n_refits must be ≤ evaluate\.n_sequences = 20000, got 24000"),
    ],
)
def test_sizes_of_an_evaluation_that_contradict_are_refused(changes, message):
    with pytest.raises(InputError, match=message):
        build_settings("linear-2", changes={"evaluate": changes})


@pytest.mark.parametrize("value", ["[" * 5000, "9" * 5000, "0x" + "f" * 5000, str(2**63)])
def test_values_that_toml_does_not_have_are_named(value):
    with pytest.raises(InputError, match="settings must be valid TOML"):
        RunSettings.from_toml(f"process = ''\nseed = {value}")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("seed", 2**63, "`seed` must be ≤ 9.22337e"),
        ("threads", 10**6, "`threads` must be ≤ 1024, got 1000000"),
        ("train.epochs", 10**12, "epochs must be ≤ 1_000_000_000, got 1000000000000"),
    ],
)
def test_numbers_that_are_surely_a_mistake_are_refused(key, value, message):
    with pytest.raises(InputError, match=message):
        RunSettings(process="").override({key: value})


def test_names_that_no_file_can_hold_are_refused():
    with pytest.raises(InputError, match=r"names must be Unicode, got '\\udcff'\. Rename"):
        RunSettings.build({"process": "", "symbol_names": ("a", "\udcff")})
