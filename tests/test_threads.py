import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from orbitscope.errors import InputError
from orbitscope.threads import limit_blas, use_threads


@pytest.fixture(autouse=True)
def _two_threads():
    if not list_blas_threads():
        pytest.skip("NumPy's BLAS has no threads that can be set here, as Accelerate on macOS")
    with threadpool_limits(2, user_api="blas"):
        yield


def list_blas_threads():
    """Threads of the libraries that multiply NumPy's arrays."""
    pools = [
        pool for pool in threadpool_info() if pool["user_api"] == "blas" and "torch" not in pool["filepath"]
    ]
    return [pool["num_threads"] for pool in pools]


def test_torch_has_the_threads_and_numpy_one_until_it_is_over():
    before, blas_before = torch.get_num_threads(), list_blas_threads()
    assert 2 in blas_before
    with use_threads(2):
        assert torch.get_num_threads() == 2
        assert set(list_blas_threads()) == {1}
    assert torch.get_num_threads() == before
    assert list_blas_threads() == blas_before


def test_threads_of_numpy_come_back_after_an_error():
    before = list_blas_threads()

    def crash():
        with limit_blas():
            assert set(list_blas_threads()) == {1}
            raise ValueError

    with pytest.raises(ValueError):
        crash()
    assert list_blas_threads() == before


def test_there_is_at_least_one_thread():
    with pytest.raises(InputError, match="must be ≥ 1, got 0"), use_threads(0):
        pytest.fail("no threads")
