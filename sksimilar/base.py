"""The contract of every sampler: `fit` looks at a pool, `select` names rows.  Floor 1."""

import warnings
from abc import ABC, abstractmethod
from numbers import Integral

import numpy as np
import torch
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils import get_tags
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import (
    _num_samples,
    check_consistent_length,
    check_is_fitted,
    validate_data,
)
from torch.utils.data import Dataset

from ._validation.labels import check_column, is_unlabeled
from ._validation.numbers import check_budget, check_magnitude
from ._validation.rows import check_disjoint, check_mask, check_query
from ._validation.settings import room_on_device
from .classifiers import check_readable
from .rows import check_sliceable, dicts_explained
from .seeding import generator


class BaseSampler(BaseEstimator, ABC):
    """A rule that picks which rows of a pool to label next.

    A subclass stores its parameters, ``estimator`` and ``budget`` among them, says in
    `_fit` what it learns from the rows and in `_select` which of ``candidates_`` it
    wants.  Checks common to all samplers stand here.

    Attributes
    ----------
    candidates_ : ndarray of shape (n_candidates,), int64
        Positions in X of the rows that may be selected.

    query_, conditioning_ : ndarray of int64, or None
        Positions in X of the rows marked by the masks; None without a mask.

    selected_indices_ : ndarray of shape (n,), int64
        What the last call of `select` returned.
    """

    _parameter_constraints: dict = {
        "estimator": "no_validation",  # Whether it is fitted is seen when it is used.
        "budget": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    # With metadata routing enabled the masks reach `fit` through any meta-estimator.
    __metadata_request__fit = {
        "query_mask": True,
        "conditioning_mask": True,
        "candidate_mask": True,
    }

    @abstractmethod
    def _fit(self, X, y):
        """Learn from checked rows; masks are in ``query_`` and ``conditioning_``."""

    @abstractmethod
    def _select(self, n):
        """Return n of ``candidates_``, 1 <= n <= len(candidates_), best first."""

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(
        self, X, y=None, *, query_mask=None, conditioning_mask=None, candidate_mask=None
    ):
        """Look at the pool; nothing is trained.

        Parameters
        ----------
        X : array-like, DataFrame, tensor, memmap or Dataset of n_samples rows
            All rows: labeled, pool, query, conditioning.  With an estimator, whatever
            that accepts, a ``SliceDict`` of skorch too; a ``Dataset`` is iterated and
            never converted to an array.

        y : array-like of shape (n_samples,), default=None
            Labels, -1 where unknown.

        query_mask : array-like of bool of shape (n_samples,), default=None
            The query set Q: rows that stand for what is wanted.

        conditioning_mask : array-like of bool of shape (n_samples,), default=None
            The conditioning set P: rows that stand for what is known or unwanted.  A
            mask that marks no row means the same as an empty P.

        candidate_mask : array-like of bool of shape (n_samples,), default=None
            Rows that may be selected.  By default the unlabeled rows, y == -1, or all
            rows where y is None; always without those of Q and P.

        Returns
        -------
        self : object
            The sampler itself.

        Raises
        ------
        ValueError
            If a mask is not boolean and aligned with X, if the query is empty, if
            ``candidate_mask`` meets another mask, or if rows are NaN or infinite.
        """
        self._forget()
        X, y = self._check_rows(X, y)
        n_samples = _num_samples(X)
        query = check_mask(query_mask, n_samples, "query_mask")
        conditioning = check_mask(conditioning_mask, n_samples, "conditioning_mask")
        candidates = check_mask(candidate_mask, n_samples, "candidate_mask")
        check_query(query)
        if candidates is None:
            candidates = np.ones(n_samples, bool) if y is None else is_unlabeled(y)
            for given in (query, conditioning):
                candidates = candidates if given is None else candidates & ~given
        for given, name in (query, "query_mask"), (conditioning, "conditioning_mask"):
            if given is not None:
                check_disjoint(candidates, given, name)
        self.candidates_ = np.flatnonzero(candidates)
        self.query_ = None if query is None else np.flatnonzero(query)
        self.conditioning_ = None if conditioning is None else conditioning.nonzero()[0]
        with room_on_device():
            self._fit(X, y)
        self._is_fitted = True
        return self

    def check(self, *, has_query, has_conditioning):
        """Refuse parameters that are wrong, or do not fit the sets that there will be.

        Parameters
        ----------
        has_query, has_conditioning : bool
            Whether `fit` will be given these masks.

        Raises
        ------
        ValueError
            What `fit` would raise, before there is anything to fit to.
        """
        self._validate_params()
        check_budget(self.budget, "budget")

    def __sklearn_is_fitted__(self):
        return getattr(self, "_is_fitted", False)

    def select(self, n=None):
        """Return the rows to label next.

        Parameters
        ----------
        n : int, default=None
            How many rows; ``budget`` by default.

        Returns
        -------
        indices : ndarray of shape (min(n, n_candidates),), int64
            Distinct positions in X, all of them candidates, in order of choice.

        Raises
        ------
        ValueError
            If n is less than 1 or no row may be selected.
        """
        check_is_fitted(self)
        n = check_budget(*((self.budget, "budget") if n is None else (n, "n")))
        n_candidates = len(self.candidates_)
        if not n_candidates:
            raise ValueError(
                "There is no row to select: `y` holds no -1 outside the query and "
                "conditioning rows. Mark unlabeled rows by y == -1, or say which rows "
                "may be selected with `candidate_mask`."
            )
        if n > n_candidates:
            warnings.warn(
                f"{n} rows wanted and {n_candidates} candidates left: all are returned."
            )
        with room_on_device():
            self.selected_indices_ = self._select(min(n, n_candidates))
        return self.selected_indices_.copy()

    def fit_select(self, X, y=None, **masks):
        """Fit and select ``budget`` rows.

        Parameters
        ----------
        X : array-like, DataFrame, tensor, memmap or Dataset of n_samples rows
            As in `fit`.

        y : array-like of shape (n_samples,), default=None
            As in `fit`.

        **masks : array-like of bool of shape (n_samples,)
            ``query_mask``, ``conditioning_mask`` and ``candidate_mask`` of `fit`.

        Returns
        -------
        indices : ndarray of shape (budget,), int64
            As in `select`.
        """
        return self.fit(X, y, **masks).select()

    def _forget(self):
        """Forget an earlier fit, of which nothing may be left beside one that fails."""
        for name in [name for name in vars(self) if name.endswith("_")]:
            delattr(self, name)
        self._is_fitted = False

    def _rng(self):
        """Return the generator of ``random_state``."""
        return generator(self.random_state)

    def _check_rows(self, X, y):
        """Check X where it is an array that no estimator will check, and y."""
        check_sliceable(X)
        if not get_tags(self).no_validation:  # Those that have no use for rows.
            check_readable(X, self.estimator)
        X = X.tocsr() if issparse(X) else X  # Not all formats have rows.
        if self.estimator is None and not isinstance(X, Dataset):
            X = self._check_array(X)
        if y is not None:
            check_consistent_length(X, y)
            y = check_column(y)
        return X, y

    def _check_array(self, X):
        """Return rows that are compared as they are, as an array of finite numbers."""
        unread = isinstance(X, np.memmap)  # Checked when it is embedded.
        dtypes = [np.float64, np.float32]
        if isinstance(X, torch.Tensor):
            X = X.detach().cpu()
            X = X.float() if X.dtype == torch.bfloat16 else X  # Unknown to NumPy.
        with dicts_explained(X, f"{type(self).__name__} without an `estimator`"):
            X = validate_data(self, X, dtype=dtypes, skip_check_array=unread)
        if not unread:
            check_magnitude(X, "X")
        return X
