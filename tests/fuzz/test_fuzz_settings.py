"""Settings of runs and of parts of an analysis: any TOML, damaged files, any keys and values."""

import tomllib

import tomli_w
from fuzzing import damage, fuzz, refusal_allowed
from hypothesis import strategies as st

from orbitscope.parts import REGISTRY, find_part, resolve_settings, select_parts
from orbitscope.recipes import RECIPES, build_settings
from orbitscope.settings import RunSettings, Settings

WHOLE = build_settings("linear-3").override({"symbol_names": ["a", "b", "c"]}).to_toml()
TABLES = {
    name: list(field.annotation.model_fields)
    for name, field in RunSettings.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Settings)
}
TOP = [name for name in RunSettings.model_fields if name not in TABLES]

scalars = st.one_of(
    st.integers(-2, 100),
    st.sampled_from([10**12, 2**63, 2**64, 10**30, -(10**30), 10**400]),
    st.floats(),
    st.booleans(),
    st.text(max_size=5),
    st.sampled_from(["", "relu", "fast", "cpu", "\x00", "1", "none", "../x"]),
    st.dates(),
    st.times(),
    st.datetimes(),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
keys = st.text(max_size=4) | st.sampled_from(["", ".", "train.epochs", "a.b.c", "loc", "model"])


def build_tables(names):
    inner = {
        name: st.dictionaries(st.sampled_from(known) | keys, values, max_size=3) | values
        for name, known in names.items()
    }
    return st.fixed_dictionaries({}, optional=inner)


tables = st.tuples(
    build_tables(TABLES), st.dictionaries(st.sampled_from(TOP) | keys, values, max_size=3), st.booleans()
).map(lambda parts: {**({"process": "linear-3"} if parts[2] else {}), **parts[0], **parts[1]})


def is_same(got, wanted):
    """Text of a number may stand for it."""
    return got == wanted or float(got) == float(wanted)


def require_given(settings, given):
    """Every value that was given is there, and what is written is read back."""
    assert RunSettings.from_toml(settings.to_toml()) == settings
    found = settings.model_dump()
    for name, value in given.items():
        pairs = (
            [(found[name][key], inner) for key, inner in value.items()]
            if name in TABLES
            else [(found[name], value)]
        )
        for got, wanted in pairs:
            if isinstance(got, tuple):
                got = list(got)
            assert is_same(got, wanted)
            assert not isinstance(got, bool) or isinstance(wanted, bool | int | str)


@fuzz(1500, table=tables)
def test_any_table_is_settings_with_these_values_or_refused(table):
    with refusal_allowed():
        require_given(RunSettings.from_toml(tomli_w.dumps(table)), table)


@fuzz(
    700,
    table=tables,
    recipe=st.sampled_from(list(RECIPES)) | st.text(max_size=5),
    process=st.sampled_from(["linear-3", "ring-6", ""]),
)
def test_any_changes_of_a_recipe_are_made_or_refused(table, recipe, process):
    changes = {name: value for name, value in table.items() if name != "process"}
    with refusal_allowed():
        require_given(build_settings(process, recipe=recipe, changes=changes), {})


@fuzz(1200, text=damage(WHOLE.encode()))
def test_damaged_settings_are_those_that_are_written_there_or_refused(text):
    decoded = text.decode("utf-8", "replace")
    with refusal_allowed():
        require_given(RunSettings.from_toml(decoded), tomllib.loads(decoded))


@fuzz(
    300,
    text=st.text(max_size=30)
    | st.sampled_from(
        [
            "a = " + "[" * 5000,
            "seed = " + "9" * 5000,
            "seed = 0x" + "f" * 5000,
            "[a" * 500,
            'process = "\\ud800"',
            "train.epochs = 0x" + "f" * 5000 + '\nprocess = ""',
        ]
    ),
)
def test_any_text_is_refused(text):
    with refusal_allowed():
        require_given(RunSettings.from_toml(text), {"process": tomllib.loads(text)["process"]})


part_keys = sorted({key for part in select_parts() for key in part.settings.model_fields})
part_tables = st.dictionaries(
    st.sampled_from([*REGISTRY, "all"]) | keys,
    st.dictionaries(st.sampled_from(part_keys) | keys, values, max_size=3) | values,
    max_size=3,
)


@fuzz(700, changes=part_tables, quick=st.booleans(), data=st.data())
def test_any_settings_of_parts_are_taken_or_refused(changes, quick, data):
    name = data.draw(st.sampled_from(list(REGISTRY)))
    own = data.draw(
        st.dictionaries(st.sampled_from(list(find_part(name).settings.model_fields)), values, max_size=2)
    )
    with refusal_allowed():
        found = resolve_settings(select_parts(), changes, quick=quick)
        for part, table in changes.items():
            for key, value in table.items() if part != "all" else ():
                got = getattr(found[part], key)
                assert list(got) == value if isinstance(got, tuple) else is_same(got, value)
    with refusal_allowed():
        found = resolve_settings([find_part(name)], {name: own}, quick=quick)[name]
        for key, value in own.items():
            got = getattr(found, key)
            assert list(got) == value if isinstance(got, tuple) else is_same(got, value)
