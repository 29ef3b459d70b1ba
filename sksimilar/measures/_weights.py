"""Which weights of Q and P leave the scaled kernel of log determinants definite.

With weights above 1 the kernel over V, Q and P, whose blocks between different sets are
scaled, may cease to be positive definite, and a log determinant would not exist.  It
exists for every A exactly if the Schur complement K_Z - D W D is positive definite, where
Z is Q and P together, D holds the weights and W = S_ZV (S_V + ridge I)^-1 S_VZ.
"""

import numpy as np
import torch

from ._base import Cost

HALVINGS = 30
STEPS = 1000  # Most products with S_V; some dozens are common.
CHECKED = 8  # Steps from one look at W to the next.
TOLERANCE = 1e-5  # Of the weights that are named as admissible.
# Of the largest eigenvalue of K_Z: with so much left of Z, as much of the ridge is left of
# any point, and rounding does not decide whether the determinant exists.
LEAST = 1e-5


def check_weights(similarity, ground, given, ridge):
    """Refuse weights of Q and P that leave the scaled kernel indefinite.

    Parameters
    ----------
    similarity : Similarity
        S, positive semidefinite.

    ground : tensor of int64
        V.

    given : tuple of (points or None, weight) for Q and for P
        The weights are eta and nu.

    ridge : float
        What is added to the diagonal.

    Raises
    ------
    ValueError
        With the largest weights on the way to (1, 1) that would do.
    """
    given = [(p, w) for p, w in given if p is not None and len(p)]
    if not given:
        return
    points = torch.cat([points for points, _ in given])
    owner = np.repeat(np.arange(len(given)), [len(points) for points, _ in given])
    weights = np.array([weight for _, weight in given])
    K = similarity[points, points].double().cpu().numpy() + ridge * np.eye(len(points))
    least_left = LEAST * np.linalg.norm(K, 2)

    def definite(t, W):
        d = (1 + t * (weights - 1))[owner]
        between = np.where(owner[:, None] == owner, 1.0, np.outer(d, d))
        schur = K * between - np.outer(d, d) * W
        return np.isfinite(schur).all() and np.linalg.eigvalsh(schur)[0] > least_left

    def largest(W):
        low, high = 0.0, 1.0
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            low, high = (middle, high) if definite(middle, W) else (low, middle)
        return low

    for least, most in _explained(similarity, ground, points, ridge):
        if definite(1.0, most):
            return
        if not definite(1.0, least):
            t = largest(most)
            if (largest(least) - t) * np.abs(weights - 1).max() < TOLERANCE:
                break
    else:
        t = largest(most)
    steps = np.trunc(1e5 * t * (weights - 1))  # Toward 1, where all are admissible.
    admissible = 1 + steps / 1e5
    raise ValueError(
        f"Weights {', '.join(f'{w:g}' for w in weights)} (eta, nu of the sets "
        "given) make the scaled kernel indefinite, or nearly so, and its log determinant "
        "does not exist. The largest admissible at this ridge: "
        f"{', '.join(f'{w:.5f}' for w in admissible)}; with n_partitions, of this part. "
        "Weights up to 1 always are."
    )


def cost_of_check(n_given, width):
    """Return the expected `Cost` of `check_weights` for each point of V.

    Parameters
    ----------
    n_given : int
        Points of Q and P.

    width : int
        Numbers that an embedded row consists of.

    Returns
    -------
    cost : Cost
        Of the steps that are common.
    """
    # Of two factors, the outer product has at most (width / 2)^2 entries; in float64.
    each = STEPS / 40 * n_given
    return Cost(2 * each * width**2, 20 * each, 12 * n_given)


def _explained(similarity, ground, points, ridge):
    """Yield bounds of W = S_ZV (S_V + ridge I)^-1 S_VZ, which draw together.

    By conjugate gradients for all columns of S_VZ at once, S_V never formed.  Whatever X
    and the residual R = S_VZ - (S_V + ridge I) X are, W lies between S_ZV X + X^T R and
    that with R^T R / ridge added.
    """
    cross = similarity[ground, points].double()
    solved, rest, ahead = torch.zeros_like(cross), cross.clone(), cross.clone()
    length = _dot(rest, rest)
    tiny = torch.finfo(length.dtype).tiny
    for step in range(1, STEPS + 1):
        image = similarity.sums(ground, ground, ahead).add_(ahead, alpha=ridge)
        pace = length / _dot(ahead, image).clamp_min(tiny)
        solved.addcmul_(pace, ahead)
        rest.sub_(image.mul_(pace))
        before, length = length, _dot(rest, rest)
        ahead.mul_(length / before.clamp_min(tiny)).add_(rest)
        if step % CHECKED == 0:
            least = cross.T @ solved + solved.T @ rest
            least, missing = (least + least.T) / 2, rest.T @ rest / ridge
            yield least.cpu().numpy(), (least + missing).cpu().numpy()


def _dot(some, others):
    """Return the inner product of each two columns."""
    return torch.einsum("nw,nw->w", some, others)
