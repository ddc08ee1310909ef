"""Taking a network apart: which parts there are, what each needs, and what it says."""

from .conclusions import conclude as conclude
from .part import Part as Part
from .parts import PARTS as PARTS
from .parts import resolve_settings as resolve_settings
from .parts import select_parts as select_parts
from .subject import Subject as Subject
