"""Blocks: they cover all points, as many at a time as there is room for.

No accelerator is needed.  A device that is short of memory is one on which a block above
some height fails, after it was computed: what it has left behind must not count twice.
"""

import sys

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from sksimilar import SIMILARSampler, baselines, blocks
from sksimilar.blocks import blockwise, in_blocks
from sksimilar.measures import FUNCTIONS

CPU, CUDA = torch.device("cpu"), torch.device("cuda:0")
N = 240
RNG = np.random.default_rng(0)
Y = np.arange(N) % 3
X = RNG.normal(size=(N, 5)) + 2 * np.eye(5)[Y]
KNOWN = np.arange(N) < 60
QUERY, CONDITIONING = np.arange(N) < 20, (np.arange(N) >= 20) & KNOWN


def no_room(*_):
    raise torch.cuda.OutOfMemoryError("Tried to allocate 2.00 GiB.\nMore is said here.")


@pytest.mark.parametrize("n", [0, 1, 2, 9, 10, 11])
@pytest.mark.parametrize("width", [0, 1, 3, 10, 100])
def test_blocks_cover_all_points_once(n, width):
    parts = list(blockwise(lambda block: range(n)[block], n, width, CPU, most=10))
    assert [i for part in parts for i in part] == list(range(n))
    assert all(len(part) * width <= max(10, width) for part in parts)
    assert len(parts) == max(1, -(-n // max(1, 10 // max(1, width))))


@pytest.mark.parametrize("room", [1, 2, 3, 7, 99])
def test_a_block_without_room_is_halved_until_it_fits(room):
    def compute(block):
        if block.stop - block.start > room:
            no_room()
        return range(50)[block]

    halved = blockwise(compute, 50, 1, CUDA, most=64)
    if room < 50:
        with pytest.warns(
            UserWarning, match="cuda:0 ran out of memory and goes on with smaller"
        ):
            parts = list(halved)
    else:
        parts = list(halved)
    assert [i for part in parts for i in part] == list(range(50))


def test_what_fits_no_more_fails_once_and_is_not_tried_again():
    tried = []

    def compute(block):
        tried.append(block.stop - block.start)
        no_room()

    with pytest.warns(UserWarning), pytest.raises(torch.cuda.OutOfMemoryError):
        list(blockwise(compute, 9, 1, CUDA))
    assert tried == [9, 4, 2, 1]


def test_other_errors_are_no_lack_of_memory():
    with pytest.raises(ZeroDivisionError):
        list(blockwise(lambda block: 1 / 0, 9, 1, CPU))


@pytest.mark.parametrize("n", [0, 5, 64])
def test_in_blocks_is_the_function_of_all_points(n, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", 12)
    matrix = torch.arange(128.0).view(64, 2)
    points = torch.randperm(64, generator=torch.Generator().manual_seed(0))[:n]
    assert torch.equal(in_blocks(lambda p: matrix[p], points, 3), matrix[points])


@pytest.mark.parametrize(
    "free, reserved, allocated, numbers",
    [
        (64e9, 0, 0, blocks.LARGEST),
        (64e6, 0, 0, 1e6),  # 4 bytes each, and a sixteenth.
        (32e6, 48e6, 16e6, 1e6),
        (0, 0, 0, 0),
    ],
)
def test_an_accelerator_is_asked_what_is_free(
    free, reserved, allocated, numbers, monkeypatch
):
    known = {
        "mem_get_info": (int(free), 80 << 30),
        "memory_reserved": int(reserved),
        "memory_allocated": int(allocated),
    }
    for name, value in known.items():
        monkeypatch.setattr(torch.cuda, name, lambda device, value=value: value)
    n = 10_000_000
    heights = blockwise(lambda block: block.stop - block.start, n, 10, CUDA)
    assert next(heights) == max(1, numbers // 10)


def test_a_small_block_asks_nothing(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", no_room)
    assert list(blockwise(lambda block: block, 9, 10, CUDA)) == [slice(0, 9)]


# ------------------------------------------------------------------- through the doors


@pytest.fixture
def scarce(monkeypatch):
    """Let blocks of more than 16 points fail everywhere, when they are done."""
    failed = []

    def short_of_room(compute, n, width, device, most=None):
        def attempt(block):
            part = compute(block)
            if block.stop - block.start > 16:
                failed.append(block)
                no_room()
            return part

        return blockwise(attempt, n, width, device, most)

    def run(select):
        with monkeypatch.context() as patch:
            for name, module in list(sys.modules.items()):
                if name.startswith("sksimilar") and hasattr(module, "blockwise"):
                    patch.setattr(module, "blockwise", short_of_room)
            with pytest.warns(UserWarning, match="the result stays the same"):
                picks = select()
        assert failed
        return picks

    return run


@pytest.mark.parametrize(
    "name, optimizer",
    [*((name, "auto") for name in FUNCTIONS), ("fl", "sparse"), ("flcmi", "sparse")],
)
def test_picks_are_the_same_on_a_device_short_of_memory(name, optimizer, scarce):
    named = FUNCTIONS[name]
    masks = {"query_mask": QUERY} if named.query else {}
    masks |= {"conditioning_mask": CONDITIONING} if named.conditioning else {}
    sampler = SIMILARSampler(
        function=name, optimizer=optimizer, budget=20, random_state=0
    )

    def select():
        return sampler.fit_select(X, candidate_mask=~KNOWN, **masks)

    expected = select()
    np.testing.assert_array_equal(scarce(select), expected)


@pytest.mark.parametrize("name", ["BADGE", "CoreSet", "FISHER"])
def test_baselines_are_the_same_on_a_device_short_of_memory(name, scarce):
    estimator = LogisticRegression().fit(X[KNOWN], Y[KNOWN])
    sampler = getattr(baselines, f"{name}Sampler")(estimator, budget=20, random_state=0)
    y = np.where(KNOWN, Y, -1)
    masks = {"query_mask": QUERY} if name == "FISHER" else {}

    def select():
        return sampler.fit_select(X, y, **masks)

    expected = select()
    np.testing.assert_array_equal(scarce(select), expected)


@pytest.mark.parametrize("door", ["_fit", "_select"])
def test_the_doors_name_the_ways_out_where_halving_does_not_help(door, monkeypatch):
    sampler = SIMILARSampler(function="fl", budget=3)
    if door == "_select":
        sampler.fit(X)
    monkeypatch.setattr(SIMILARSampler, door, no_room)
    ways_out = r"batch_size.*device='cpu'.*n_partitions.*2\.00 GiB\.\)$"
    with pytest.raises(torch.cuda.OutOfMemoryError, match=ways_out) as error:
        sampler.fit_select(X) if door == "_fit" else sampler.select()
    assert isinstance(error.value.__cause__, torch.cuda.OutOfMemoryError)
