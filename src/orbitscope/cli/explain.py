"""``orbitscope explain``."""

import sys
from typing import Annotated

from cyclopts import Parameter

from .options import Json


def explain(
    key: str | None = None, /, *, page: Annotated[bool, Parameter(negative=())] = False, json: Json = False
) -> None:
    """Say what a quantity of an analysis is: definition, equation, source, how to read it, its test.

    Parameters
    ----------
    key
        Quantity, `regions.net_flux`, or part, `regions`. [default: the list of all]
    page
        Write all entries as one page of Markdown on standard output.
    json
        Print one JSON document on standard output.
    """
    from ..reference import find_entries, format_page, list_entries, list_facts
    from .display import print_blank, print_facts, print_json, print_sentences, print_table

    if page:
        sys.stdout.write(format_page())
        return
    entries = list(list_entries()) if key is None else find_entries(key)
    if json:
        facts = [
            {"key": f"{part.name}.{definition.key}", **list_facts(definition)} for part, definition in entries
        ]
        print_json({"entries": facts})
        return
    if key is None:
        rows = [(f"{part.name}.{d.key}", d.label.format("…"), d.meaning) for part, d in entries]
        print_table(("Key", "Shown as", "Definition"), rows)
        print_blank()
        print_facts({"Next": "orbitscope explain regions.net_flux"})
        return
    for index, (part, definition) in enumerate(entries):
        if index:
            print_blank()
        print_sentences([f"{part.name}.{definition.key}"])
        print_facts(list_facts(definition))
