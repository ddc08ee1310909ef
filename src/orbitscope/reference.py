"""What every quantity is: found by its key, or all of them on one page."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .errors import InputError, unknown_name
from .evaluation import DEFINITIONS, SECTION
from .parts import select_parts
from .quantity import Definition
from .settings import EvaluationSettings, Settings
from .system.commands import format_command


@dataclass(frozen=True)
class Section:
    """Quantities of one part of an analysis, or of an evaluation.

    Attributes
    ----------
    name : str
        What their keys begin with.
    question : str
        What they answer.
    definitions : mapping
        By key, without the name of the section.
    settings : type
        What they are computed with, with defaults.
    """

    name: str
    question: str
    definitions: Mapping[str, Definition]
    settings: type[Settings]


_EVALUATION = Section(SECTION, "does a network emulate its process?", DEFINITIONS, EvaluationSettings)


def list_sections() -> list[Section]:
    """The evaluation, then the parts in the order of an analysis."""
    parts = [Section(part.name, part.question, part.definitions, part.settings) for part in select_parts()]
    return [_EVALUATION, *parts]


def find_entries(key: str) -> list[tuple[Section, Definition]]:
    """Definitions that a key means: of one quantity, or of all those of a section.

    Parameters
    ----------
    key : str
        ``regions.net_flux``, ``regions.share[slow]``, ``regions``, or ``net_flux`` where one section has it.

    Raises
    ------
    InputError
        If there is no such section or quantity, or several sections have one of this name.
    """
    section_name, dot, name = key.partition(".")
    name = name.partition("[")[0]
    if not dot:
        return _find_without_section(section_name.partition("[")[0])
    sections = {section.name: section for section in list_sections()}
    if section_name not in sections:
        raise unknown_name("section", section_name, sections)
    section = sections[section_name]
    if name not in section.definitions:
        raise unknown_name("quantity", key, [f"{section_name}.{known}" for known in section.definitions])
    return [(section, section.definitions[name])]


def _find_without_section(name: str) -> list[tuple[Section, Definition]]:
    entries = list(list_entries())
    if found := [(section, definition) for section, definition in entries if section.name == name]:
        return found
    found = [(section, definition) for section, definition in entries if definition.key == name]
    if not found:
        known = [text for section, definition in entries for text in (section.name, definition.key)]
        raise unknown_name("section or quantity", name, set(known), listed_by=format_command("explain"))
    if len(found) > 1:
        keys = ", ".join(f"{section.name}.{name}" for section, _ in found)
        raise InputError(f"`{name}` must name one quantity, but several sections have it. Say which: {keys}.")
    return found


def list_entries() -> Iterator[tuple[Section, Definition]]:
    """Every definition with its section."""
    for section in list_sections():
        for definition in section.definitions.values():
            yield section, definition


def format_page() -> str:
    """All sections and quantities as a page of Markdown."""
    introduction = (
        "Every number of an evaluation or an analysis has a key. This page says what each one is, how to "
        "read it, and which test holds it against a known answer. `orbitscope explain KEY` shows one entry. "
        "Made by `orbitscope explain --page`; do not edit."
    )
    sections = [_format_section(section) for section in list_sections()]
    return "\n".join(["# Reference of quantities", "", introduction, "", *sections])


def _format_section(section: Section) -> str:
    lines = [f"## {section.name}", "", section.question[0].upper() + section.question[1:], ""]
    for definition in section.definitions.values():
        rows = [f"- **{name}**: {text}" for name, text in list_facts(definition).items()]
        lines += [f"### {section.name}.{definition.key}", "", *rows, ""]
    settings = section.settings()
    if settings.model_dump():
        lines += ["| setting | default | what it is |", "|---|---|---|"]
        for key, value in settings.model_dump(mode="json").items():
            lines.append(f"| `{key}` | {value} | {section.settings.model_fields[key].description} |")
        lines.append("")
    return "\n".join(lines)


def list_facts(definition: Definition) -> dict[str, str]:
    """What a reader is told about a quantity, by heading."""
    unit = {"1": "none", "share": "share, shown in percent"}.get(definition.unit, definition.unit)
    return {
        "Shown as": definition.label.format("…") + ("" if definition.is_main else " (with --all)"),
        "Definition": definition.meaning,
        "Equation": definition.equation,
        "Unit": unit,
        "How to read it": definition.reading,
        "Source": definition.source,
        "Test": definition.test,
    }
