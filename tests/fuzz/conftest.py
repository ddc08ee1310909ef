import logging

import pytest


@pytest.fixture(autouse=True)
def _without_warnings_of_damage():
    """What a damaged file has lost is logged, thousands of times here."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)
