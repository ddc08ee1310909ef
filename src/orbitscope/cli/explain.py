"""``orbitscope explain``."""

import sys
from typing import Annotated

from cyclopts import Parameter

from .options import Json, UsageError


def explain(
    key: str | None = None, /, *, page: Annotated[bool, Parameter(negative=())] = False, json: Json = False
) -> None:
    """Say what a quantity is: definition, equation, source, how to read it, its test.

    Parameters
    ----------
    key
        Quantity, `regions.net_flux`, or all those of a part, `regions`, or of the `evaluation`. [default: the
        list of all]
    page
        Write all entries as one page of Markdown on standard output.
    json
        Print one JSON document on standard output.
    """
    from ..reference import find_entries, format_page, list_entries, list_facts
    from .display import print_blank, print_facts, print_json, print_sentences, print_table

    if page and json:
        raise UsageError("--page must stand without --json, since it writes Markdown. Leave one of them out.")
    if page:
        sys.stdout.write(format_page())
        return
    entries = list(list_entries()) if key is None else find_entries(key)
    if json:
        facts = [
            {"key": f"{section.name}.{definition.key}", **list_facts(definition)}
            for section, definition in entries
        ]
        print_json({"entries": facts})
        return
    if key is None:
        rows = [(f"{section.name}.{d.key}", d.label.format("…"), d.meaning) for section, d in entries]
        print_table(("Key", "Shown as", "Definition"), rows)
        print_blank()
        print_facts({"Next": "orbitscope explain regions.net_flux"})
        return
    for index, (section, definition) in enumerate(entries):
        if index:
            print_blank()
        print_sentences([f"{section.name}.{definition.key}"])
        print_facts(list_facts(definition))
