"""What every quantity is: found by its key, or all of them on one page."""

from collections.abc import Iterator

from .errors import InputError, unknown_name
from .part import Part
from .parts import REGISTRY, find_part, select_parts
from .quantity import Definition


def find_entries(key: str) -> list[tuple[Part, Definition]]:
    """Definitions that a key means: of one quantity, or of all those of a part.

    Parameters
    ----------
    key : str
        ``regions.net_flux``, ``regions.share[slow]``, ``regions``, or ``net_flux`` where one part has it.

    Raises
    ------
    InputError
        If there is no such part or quantity, or several parts have one of this name.
    """
    part_name, dot, name = key.partition(".")
    name = name.partition("[")[0]
    if not dot:
        return _find_without_part(part_name.partition("[")[0])
    part = find_part(part_name)
    if name not in part.definitions:
        raise unknown_name("quantity", key, [f"{part_name}.{known}" for known in part.definitions])
    return [(part, part.definitions[name])]


def _find_without_part(name: str) -> list[tuple[Part, Definition]]:
    if name in REGISTRY:
        part = find_part(name)
        return [(part, definition) for definition in part.definitions.values()]
    found = [(part, definition) for part, definition in list_entries() if definition.key == name]
    if not found:
        known = [definition.key for _, definition in list_entries()]
        raise unknown_name("part or quantity", name, [*REGISTRY, *known])
    if len(found) > 1:
        keys = ", ".join(f"{part.name}.{name}" for part, _ in found)
        raise InputError(f"`{name}` must name one quantity, but several parts have it. Say which: {keys}.")
    return found


def list_entries() -> Iterator[tuple[Part, Definition]]:
    """Every definition with its part, in the order of an analysis."""
    for part in select_parts():
        for definition in part.definitions.values():
            yield part, definition


def format_page() -> str:
    """All parts and quantities as a page of Markdown."""
    parts = [_format_part(part) for part in select_parts()]
    introduction = (
        "Every number of an analysis has a key. This page says what each one is, how to read it, and which "
        "test holds it against a known answer. `orbitscope explain KEY` shows one entry. Made by "
        "`orbitscope explain --page`; do not edit."
    )
    return "\n".join(["# Reference of quantities", "", introduction, "", *parts])


def _format_part(part: Part) -> str:
    lines = [f"## {part.name}", "", part.question[0].upper() + part.question[1:], ""]
    for definition in part.definitions.values():
        rows = [f"- **{name}**: {text}" for name, text in list_facts(definition).items()]
        lines += [f"### {part.name}.{definition.key}", "", *rows, ""]
    settings = part.settings()
    if settings.model_dump():
        lines += ["| setting | default | what it is |", "|---|---|---|"]
        for key, value in settings.model_dump(mode="json").items():
            lines.append(f"| `{key}` | {value} | {part.settings.model_fields[key].description} |")
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
