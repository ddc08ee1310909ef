"""What quantities are: found by key, on one page, and the same as what an analysis shows."""

from pathlib import Path

import pytest

from orbitscope.errors import InputError
from orbitscope.reference import find_entries, format_page, list_entries, list_sections

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference.md"


@pytest.mark.parametrize("key", ["regions.net_flux", "net_flux", "regions.net_flux[0]"])
def test_a_key_has_one_entry(key):
    ((section, definition),) = find_entries(key)
    assert (section.name, definition.key, definition.unit) == ("regions", "net_flux", "cycles per 100 steps")


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
        ("region.share", "unknown section `region`. Did you mean `regions`"),
        ("netflux", "unknown section or quantity `netflux`. Did you mean `net_flux`"),
        ("share", "several sections have it. Say which: regions.share, slow_clusters.share"),
    ],
)
def test_what_does_not_exist_is_named(key, message):
    with pytest.raises(InputError, match=message.replace("[", r"\[")):
        find_entries(key)


def test_keys_are_unique():
    keys = [f"{section.name}.{definition.key}" for section, definition in list_entries()]
    assert len(set(keys)) == len(keys) > 40


def test_the_page_has_every_entry_and_setting():
    page = format_page()
    for section, definition in list_entries():
        assert f"### {section.name}.{definition.key}\n" in page
        assert definition.meaning in page
        entry = page.partition(f"### {section.name}.{definition.key}\n")[2].partition("\n### ")[0]
        assert ("(with --all)" in entry) is not definition.is_main
    for section in list_sections():
        text = page.partition(f"\n## {section.name}\n")[2].partition("\n## ")[0]
        for key in section.settings.model_fields:
            assert f"| `{key}` |" in text


def test_the_evaluation_comes_first_and_is_found_like_a_part():
    sections = list_sections()
    assert (sections[0].name, sections[1].name) == ("evaluation", "noise_free_growth")
    ((section, definition),) = find_entries("evaluation.ngram_divergence[2,stationary]")
    assert (section.name, definition.key, definition.unit) == ("evaluation", "ngram_divergence", "nat")
    assert find_entries("classifier_auc") == find_entries("evaluation.classifier_auc")
    assert len(find_entries("evaluation")) == 19
    assert format_page().index("### evaluation.symbol_matrix_error") < format_page().index("## regions")


@pytest.mark.checkout
def test_the_page_of_the_repository_is_that_of_the_code():
    """Else: orbitscope explain --page > docs/reference.md."""
    assert PAGE.read_text(encoding="utf-8") == format_page()
