"""What quantities are: found by key, on one page, and the same as what an analysis shows."""

from pathlib import Path

import pytest

from orbitscope.errors import InputError
from orbitscope.parts import select_parts
from orbitscope.reference import find_entries, format_page, list_entries

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference.md"


@pytest.mark.parametrize("key", ["regions.net_flux", "net_flux", "regions.net_flux[0]"])
def test_a_key_has_one_entry(key):
    ((part, definition),) = find_entries(key)
    assert (part.name, definition.key, definition.unit) == ("regions", "net_flux", "cycles per 100 steps")


def test_an_index_does_not_count_and_a_part_has_all_its_entries():
    assert find_entries("regions.share[slow]") == find_entries("regions.share")
    assert [definition.key for _, definition in find_entries("circulation")] == [
        "net",
        "n_forward",
        "n_backward",
    ]


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("regions.net_fluxx", "unknown quantity `regions.net_fluxx`. Did you mean `regions.net_flux`"),
        ("region.share", "unknown part `region`. Did you mean `regions`"),
        ("netflux", "unknown part or quantity `netflux`. Did you mean `net_flux`"),
        ("share", "several parts have it. Say which: regions.share, slow_clusters.share"),
    ],
)
def test_what_does_not_exist_is_named(key, message):
    with pytest.raises(InputError, match=message.replace("[", r"\[")):
        find_entries(key)


def test_keys_are_unique():
    keys = [f"{part.name}.{definition.key}" for part, definition in list_entries()]
    assert len(set(keys)) == len(keys) > 40


def test_the_page_has_every_entry_and_setting():
    page = format_page()
    for part, definition in list_entries():
        assert f"### {part.name}.{definition.key}\n" in page
        assert definition.meaning in page
        entry = page.partition(f"### {part.name}.{definition.key}\n")[2].partition("\n### ")[0]
        assert ("(with --all)" in entry) is not definition.is_main
    for part in select_parts():
        section = page.partition(f"\n## {part.name}\n")[2].partition("\n## ")[0]
        for key in part.settings.model_fields:
            assert f"| `{key}` |" in section


@pytest.mark.checkout
def test_the_page_of_the_repository_is_that_of_the_code():
    """Else: orbitscope explain --page > docs/reference.md."""
    assert PAGE.read_text(encoding="utf-8") == format_page()
