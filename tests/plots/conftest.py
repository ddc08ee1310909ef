import pytest
from evaluated_runs import build_evaluation


@pytest.fixture(scope="module")
def evaluation():
    return build_evaluation()
