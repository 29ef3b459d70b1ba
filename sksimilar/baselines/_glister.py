"""GLISTER: what would one gradient step on a row do for the validation set."""

from numbers import Real

import numpy as np
import torch
from sklearn.utils._param_validation import Interval

from ..base import BaseSampler
from ..embeddings import labeled_head
from ..factors import gradient_factors
from ..optimizers import greedy
from ._sets import check_estimator, known_rows, query_labels, shuffled


class GLISTERSampler(BaseSampler):
    """Select rows whose gradient step lowers the loss on a validation set most.

    GLISTER-ACTIVE [1]_ with the Taylor approximation, on the last linear layer.  With
    g_j the gradient of the cross-entropy of candidate j under its predicted label, and
    L_V the mean cross-entropy of the validation rows, the gain of j after the rows A is

        eta <g_j, grad L_V(theta_A)>,   theta_A = theta - eta sum_{i in A} g_i,

    to first order what a step on j takes off L_V.  The g_j stay those at theta; the
    gradient of L_V is taken anew after every pick.

    Parameters
    ----------
    estimator : fitted skorch net, classifier or Pipeline
        Supplies the gradients, as in :class:`~sksimilar.SIMILARSampler`.

    budget : int, default=10
        Rows that `select` returns by default.

    learning_rate : float, default=0.01
        The step eta; by default that of the training in the SIMILAR paper.

    layer : str, default='auto'
        Dotted path of the ``nn.Linear`` that makes the logits; found by default.

    random_state : int, RandomState instance or None, default=None
        Orders rows of equal gain.

    Attributes
    ----------
    validation_ : ndarray of int64
        Positions in X of the validation rows: the query, with its true labels.  Without
        a query, as in the authors' code, all candidates with their predicted labels and
        all other rows whose label is known.

    Notes
    -----
    Gradients are outer products r_j (h_j, 1)^T, and so grad L_V is one C x (d + 1)
    matrix.  A pick i moves the logits of validation row v by
    -eta r_i (<h_v, h_i> + 1).

    The authors' later code first takes a step on the sum of the gradients of all
    labeled rows.  It is left out here, as in [1]_: there theta is trained on those
    rows, and the step about zero.

    References
    ----------
    .. [1] K. Killamsetty, D. Sivasubramanian, G. Ramakrishnan and R. Iyer. GLISTER:
       generalization based data subset selection for efficient and robust learning.
       AAAI 2021.

    Examples
    --------
    The validation row is of the right class, but not for sure.  A row that the model
    thinks to be of that class, and is not sure of either, would help most:

    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sksimilar.baselines import GLISTERSampler
    >>> X = np.array([[-3.0], [-0.5], [0.5], [2.5], [3.0], [0.2]])
    >>> y = np.array([0, -1, -1, -1, 1, 1])
    >>> model = LogisticRegression().fit(X[[0, 4]], y[[0, 4]])
    >>> query = np.arange(6) == 5
    >>> GLISTERSampler(model, budget=1).fit_select(X, y, query_mask=query)
    array([2])
    """

    _parameter_constraints: dict = {
        **BaseSampler._parameter_constraints,
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "layer": [str],
    }

    def __init__(
        self,
        estimator=None,
        *,
        budget=10,
        learning_rate=0.01,
        layer="auto",
        random_state=None,
    ):
        self.estimator = estimator
        self.budget = budget
        self.learning_rate = learning_rate
        self.layer = layer
        self.random_state = random_state

    def _fit(self, X, y):
        check_estimator(self)
        labeled = self._labeled(y)
        alone = self.query_ is None
        self.validation_ = np.union1d(labeled, self.candidates_) if alone else labeled
        if len(self.candidates_):
            self._read(X, y, labeled)

    def _labeled(self, y):
        """Return the rows whose true labels count."""
        if self.query_ is None:
            return known_rows(self, y)
        query_labels(self, y)
        return self.query_

    def _read(self, X, y, labeled):
        """Keep the gradients of the candidates, and the head on the validation rows."""
        rows = np.union1d(self.candidates_, labeled)
        h, z, labels = labeled_head(X, y, rows, labeled, self.estimator, self.layer)
        pool = np.searchsorted(rows, self.candidates_)
        validation = np.searchsorted(rows, self.validation_)
        self._gradients_ = gradient_factors(h[pool], z[pool], labels[pool])
        self._validation_ = h[validation], z[validation], labels[validation]

    def _select(self, n):
        measure = ValidationLoss(
            self._gradients_, *self._validation_, self.learning_rate
        )
        points = torch.arange(len(self.candidates_), device=self._gradients_[0].device)
        selection = greedy(measure, shuffled(points, self._rng()), n)
        return self.candidates_[selection.points.cpu().numpy()]


class ValidationLoss:
    """What gradient steps on points take off the loss of validation rows.

    An object with `gains` and `add`; the gains are a Taylor approximation.

    Parameters
    ----------
    gradients : tuple of two tensors
        Residuals (n, n_classes) and inputs (n, d + 1), the factors of every g_j.

    given, logits, labels : tensors
        (h, 1) of shape (m, d + 1), z (m, n_classes) and y (m,) of the validation rows.

    learning_rate : float
        The step eta.
    """

    def __init__(self, gradients, given, logits, labels, learning_rate):
        self.residuals, self.inputs = gradients
        self.given, self.logits, self.labels = given, logits, labels
        self.learning_rate = learning_rate
        self._look()

    def gains(self, points):
        """Return eta <g_j, grad L_V> for each point j."""
        return self.current[points]

    def add(self, points):
        """Take a step on each of some points, and return self."""
        nearby = self.given @ self.inputs[points].T
        self.logits = self.logits - self.learning_rate * nearby @ self.residuals[points]
        return self._look()

    def _look(self):
        """Bring the gains of all points up to the logits as they are."""
        residuals, inputs = gradient_factors(self.given, self.logits, self.labels)
        gradient = residuals.T @ inputs / len(self.labels)  # (n_classes, d + 1)
        products = (self.inputs @ gradient.T).mul_(self.residuals)
        self.current = self.learning_rate * products.sum(dim=1)
        return self
