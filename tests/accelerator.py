"""A pretend accelerator, for tests of device code on machines without one.

Its tensors are on a device of their own and keep their numbers in tensors of the CPU.  So
nothing is shown of speed, of rounding or of CUDA's kernels; but what goes unnoticed on a
CPU shows: tensors of two devices in one operation are refused, reading a value back can be
forbidden, and memory is counted and can run out.  `DEVICES` are what tests run on: the
pretend one where torch lets one be made, and a CUDA card where there is one.
"""

import weakref
from collections import Counter
from contextlib import contextmanager

import torch
from torch.utils import backend_registration
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

NAME = "pretend"
aten = torch.ops.aten
MOVES = {aten._to_copy.default, aten.copy_.default}
INDEXES = {aten.index.Tensor, aten.index_put.default, aten.index_put_.default}
# What cannot return before it knows a value.
WAITS = {
    aten._local_scalar_dense,
    aten._unique2,
    aten.bincount,
    aten.equal,
    aten.is_nonzero,
    aten.masked_select,
    aten.nonzero,
    aten.unique_consecutive,
    aten.unique_dim,
}


class Accelerator:
    """Runs operations on the device, and knows what is there."""

    device = None  # Until there is one.

    def __init__(self):
        self.limit, self.may_read = None, True
        self.sizes, self.users, self.peak = {}, Counter(), 0

    @property
    def allocated(self):
        """Bytes of tensors that are alive."""
        return sum(self.sizes.values())

    def reset(self):
        """Measure the peak of memory from now on."""
        self.peak = self.allocated

    @contextmanager
    def short_of_memory(self, n_bytes):
        """Leave room for so many bytes and no more."""
        self.limit = self.allocated + n_bytes
        try:
            yield
        finally:
            self.limit = None

    @contextmanager
    def without_read_backs(self):
        """Fail wherever the host would wait for a value."""
        self.may_read = False
        try:
            yield
        finally:
            self.may_read = True

    def hold(self, tensor):
        """Count a tensor, and no more than once what it shares with others."""
        storage = tensor.untyped_storage()
        where, size = storage.data_ptr(), storage.nbytes()
        if where not in self.sizes:
            if self.limit is not None and self.allocated + size > self.limit:
                raise torch.cuda.OutOfMemoryError(f"No room for {size} bytes.")
            self.sizes[where] = size
            self.peak = max(self.peak, self.allocated)
        self.users[where] += 1
        return where

    def release(self, where):
        """Forget a tensor."""
        self.users[where] -= 1
        if not self.users[where]:
            del self.users[where]
            del self.sizes[where]

    def run(self, call, args, kwargs):
        """Run an operation on the tensors of the CPU that are behind its own."""
        leaves = tree_leaves((args, kwargs))
        known = {id(x.behind): x for x in leaves if isinstance(x, Held)}
        onto = kwargs.get("device")
        onto = onto if onto is None else torch.device(onto).type
        if not known and onto != NAME:
            return call(*args, **kwargs)
        if known and call not in MOVES | INDEXES:
            _check_devices(call, leaves)
        leaves_here = bool(known) and onto == "cpu"
        if not self.may_read and (leaves_here or _waits(call, leaves)):
            raise RuntimeError(f"{call} reads a value back.")
        if onto is not None:
            kwargs = {**kwargs, "device": "cpu"}
        result = call(*tree_map(_behind, args), **tree_map(_behind, kwargs))
        return result if leaves_here else tree_map(lambda x: _held(x, known), result)


HERE = Accelerator()


class Held(torch.Tensor):
    """A tensor of the pretend device."""

    @staticmethod
    def __new__(cls, behind):
        where = HERE.hold(behind)
        held = torch.Tensor._make_wrapper_subclass(
            cls,
            behind.size(),
            strides=behind.stride(),
            storage_offset=behind.storage_offset(),
            dtype=behind.dtype,
            device=HERE.device,
        )
        held.behind = behind
        weakref.finalize(held, HERE.release, where)
        return held

    @classmethod
    def __torch_dispatch__(cls, call, types, args=(), kwargs=None):
        return HERE.run(call, args, kwargs or {})

    def tolist(self):
        return self.cpu().tolist()

    def __repr__(self, **kwargs):
        return f"Held({self.behind!r})"


class Created(TorchDispatchMode):
    """Sees to operations, too, that are given no tensor of the device."""

    def __torch_dispatch__(self, call, types, args=(), kwargs=None):
        return HERE.run(call, args, kwargs or {})


def _behind(x):
    return x.behind if isinstance(x, Held) else x


def _held(x, known):
    if not torch.is_tensor(x):
        return x
    return known[id(x)] if id(x) in known else Held(x)


def _check_devices(call, leaves):
    others = [x for x in leaves if torch.is_tensor(x) and not isinstance(x, Held)]
    if any(x.dim() for x in others):
        raise RuntimeError(f"{call} is given tensors of {NAME} and of the CPU.")


def _waits(call, leaves):
    has_mask = any(torch.is_tensor(x) and x.dtype == torch.bool for x in leaves[1:])
    return call.overloadpacket in WAITS or (call in INDEXES and has_mask)


class Card:
    """The same questions, asked of a CUDA card."""

    device = torch.device("cuda:0")

    allocated = property(lambda self: torch.cuda.memory_allocated(self.device))
    peak = property(lambda self: torch.cuda.max_memory_allocated(self.device))

    def reset(self):
        """Measure the peak of memory from now on."""
        torch.cuda.reset_peak_memory_stats(self.device)

    @contextmanager
    def short_of_memory(self, n_bytes):
        """Leave room for so many bytes and no more."""
        torch.cuda.empty_cache()
        _, total = torch.cuda.mem_get_info(self.device)
        fraction = (torch.cuda.memory_reserved(self.device) + n_bytes) / total
        torch.cuda.set_per_process_memory_fraction(fraction, self.device)
        try:
            yield
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0, self.device)

    @contextmanager
    def without_read_backs(self):
        """Fail wherever the host would wait for a value."""
        torch.cuda.set_sync_debug_mode("error")
        try:
            yield
        finally:
            torch.cuda.set_sync_debug_mode("default")


class Generators:
    """What torch asks of a device when it saves the state of all random numbers."""

    def is_available(self):
        return True

    is_initialized = is_available

    def _is_in_bad_fork(self):
        return False

    def device_count(self):
        return 1

    def current_device(self):
        return 0

    def manual_seed_all(self, seed):
        """There is nothing random on the device."""

    def get_rng_state(self, device=0):
        return torch.empty(0, dtype=torch.uint8)

    def set_rng_state(self, state, device=0):
        """There is nothing random on the device."""


@contextmanager
def pretend():
    """Have the pretend device, for the rest of the process."""
    if Accelerator.device is None:
        backend_registration._setup_privateuseone_for_python_backend(NAME, Generators())
        Accelerator.device = torch.device(f"{NAME}:0")
    with Created():
        yield HERE


@contextmanager
def card():
    """Have the CUDA card."""
    yield Card()


DEVICES = {}
if hasattr(backend_registration, "_setup_privateuseone_for_python_backend"):
    DEVICES[NAME] = pretend
if torch.cuda.is_available():
    DEVICES["cuda"] = card
