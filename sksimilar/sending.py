"""Functions on their way to other processes, with the networks in them.  Floor 0.

What is defined in a script or in a notebook is there by name in no other process.
joblib and Dask send it by value; but a skorch net pickles its fitted parts by itself, and
by name.  `ByValue` sends them by value too.
"""

import copyreg
import io
import pickle

from skorch import NeuralNet

try:
    from cloudpickle import CloudPickler
except ImportError:  # Before 1.6 joblib has its own.
    from joblib.externals.cloudpickle import CloudPickler

__all__ = ["ByValue"]


class ByValue:
    """A callable that unpickles in any process, and goes on from there to others.

    Parameters
    ----------
    function : callable
        May hold fitted nets, of modules that are defined anywhere.
    """

    def __init__(self, function):
        self.function = function

    def __call__(self, *args, **kwargs):
        return self.function(*args, **kwargs)

    def __reduce__(self):
        return _loaded, (_dumped(self.function),)


def _loaded(dump):
    return ByValue(pickle.loads(dump))


class _Pickler(CloudPickler):
    def reducer_override(self, obj):
        if getattr(type(obj), "__getstate__", None) is NeuralNet.__getstate__:
            return copyreg.__newobj__, (type(obj),), _state(obj)
        return super().reducer_override(obj)


def _state(net):
    """Return what `NeuralNet.__setstate__` reads, which finds a device for tensors."""
    prefixes = tuple(net.cuda_dependent_attributes_)
    state = vars(net).copy()
    fitted = {name: state.pop(name) for name in vars(net) if name.startswith(prefixes)}
    return {**state, "__cuda_dependent_attributes__": _dumped(fitted)}


def _dumped(obj):
    buffer = io.BytesIO()
    _Pickler(buffer).dump(obj)
    return buffer.getvalue()
