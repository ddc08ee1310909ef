"""How items are divided among threads: by their number alone, so that sums do not depend on who works."""

import torch

_MULTIPLE = 4


def divide(
    n_items: int,
    device: torch.device,
    *,
    smallest: int = 1,
    largest: int | None = None,
    fewest: int = 1,
) -> list[int]:
    """Sizes of shards, as even as may be; one shard on other devices than a CPU, which has no such threads.

    More than two are a multiple of four, where ``smallest`` allows it: two or four threads have equally many.

    Parameters
    ----------
    n_items : int >= 1
    device : torch device
        Where the items are.
    smallest, largest : int
        Items of a shard. A number below ``smallest`` is one shard.
    fewest : int
        Shards, if they are not smaller than ``smallest`` then.

    Examples
    --------
    >>> divide(300, torch.device("cpu"), largest=128)
    [75, 75, 75, 75]
    """
    if device.type != "cpu":
        return [n_items]
    needed = 1 if largest is None else -(-n_items // largest)
    most = n_items // smallest
    n_shards = max(1, needed, min(fewest, most))
    even = -(-n_shards // _MULTIPLE) * _MULTIPLE
    if n_shards > 2 and even <= most:
        n_shards = even
    size, n_larger = divmod(n_items, n_shards)
    return [size + 1] * n_larger + [size] * (n_shards - n_larger)
