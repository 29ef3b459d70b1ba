"""FASS: filter by uncertainty, then let a submodular function choose."""

from numbers import Real

import numpy as np
import torch
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

from ..measures import resolve_function
from ..problem import Problem
from ..similarity import METRICS
from ._sets import NO_ROWS, embed
from ._uncertainty import EntropySampler


class FASSSampler(EntropySampler):
    """Select, among the most uncertain rows, those that represent them best.

    Filtered active submodular selection [1]_: the ``factor`` x n candidates of largest
    entropy are kept, and a submodular function f chooses n of them.  It looks at
    nothing else: the masks of `fit` say only what a candidate is.

    Parameters
    ----------
    estimator : fitted skorch net, classifier or Pipeline
        Predicts the probabilities, and supplies what rows are compared by.

    function : str or acquisition function, default='fl'
        The function f, as in :class:`~sksimilar.SIMILARSampler`: a name such as 'fl',
        'gc' or 'logdet', or an object.

    budget : int, default=10
        Rows that `select` returns by default.

    factor : float, default=5.0
        How many times the rows wanted are kept; at least 1, which is entropy alone.

    embedding : {'features', 'gradient'}, default='features'
        'features' compares the input of the last layer, 'gradient' last-layer
        gradients.

    layer : str, default='auto'
        Dotted path of the ``nn.Linear`` that makes the logits; found by default.

    metric : {'cosine', 'raw_cosine', 'dot', 'rbf'}, default='cosine'
        As in :class:`~sksimilar.SIMILARSampler`.

    random_state : int, RandomState instance or None, default=None
        Breaks ties.

    Attributes
    ----------
    scores_ : ndarray of shape (n_candidates,)
        Entropy of each of ``candidates_``.

    function_ : acquisition function
        What ``function`` resolved to.

    Notes
    -----
    f covers the filtered rows as a whole.  [1]_ sums it over the predicted classes,
    each covered by its own rows.

    References
    ----------
    .. [1] K. Wei, R. Iyer and J. Bilmes. Submodularity in data subset selection and
       active learning. ICML 2015.

    Examples
    --------
    The four rows that the model is least sure of, and the two that stand for them:

    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sksimilar.baselines import EntropySampler, FASSSampler
    >>> X = np.array([[-3, 0], [3, 0], [0, 5], [0, 6], [0.1, -4], [0.1, -5], [9, 9.0]])
    >>> model = LogisticRegression().fit(X[:2], [0, 1])
    >>> EntropySampler(model, random_state=0).fit(X[2:]).select(2) + 2
    array([2, 3])
    >>> np.sort(FASSSampler(model, factor=2, random_state=0).fit(X[2:]).select(2)) + 2
    array([3, 4])
    """

    _parameter_constraints: dict = {
        **EntropySampler._parameter_constraints,
        "function": [str, HasMethods(["measure", "check"])],
        "factor": [Interval(Real, 1, None, closed="left")],
        "embedding": [StrOptions({"features", "gradient"})],
        "layer": [str],
        "metric": [StrOptions(set(METRICS))],
    }

    def __init__(
        self,
        estimator=None,
        *,
        function="fl",
        budget=10,
        factor=5.0,
        embedding="features",
        layer="auto",
        metric="cosine",
        random_state=None,
    ):
        super().__init__(estimator, budget=budget, random_state=random_state)
        self.function = function
        self.factor = factor
        self.embedding = embedding
        self.layer = layer
        self.metric = metric

    def _fit(self, X, y):
        self.function_ = resolve_function(self.function)
        self.function_.check(METRICS[self.metric].bounds, None, None)
        super()._fit(X, y)
        if len(self.candidates_):
            self._problem_ = self._embed(X, y)

    def _embed(self, X, y):
        similarity, rows, candidates, _ = embed(
            self, X, y, NO_ROWS, embedding=self.embedding, metric=self.metric
        )
        positions = torch.as_tensor(rows, device=candidates.device)
        return Problem(
            self.function_, similarity, positions, candidates, candidates, None, None
        )

    def _select(self, n):
        n_kept = min(int(np.ceil(self.factor * n)), len(self.candidates_))
        kept = np.sort(super()._select(n_kept))
        selection = self._problem_.part(kept).solve("auto", n, self._rng())
        return selection.points.cpu().numpy()

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False  # The rows that are left are compared.
        return tags
