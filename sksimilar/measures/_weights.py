"""Which weights of Q and P leave the scaled kernel of log determinants definite.

With weights above 1 the kernel over V, Q and P, whose blocks between different sets are
scaled, may cease to be positive definite, and a log determinant would not exist.  It
exists for every A exactly if the Schur complement K_Z - D W D is positive definite, where
Z is Q and P together, D holds the weights and W = S_ZV (S_V + ridge I)^-1 S_VZ.
"""

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, cg

HALVINGS = 40


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
    W = _explained(similarity, ground, points, ridge)

    def definite(t):
        d = (1 + t * (weights - 1))[owner]
        between = np.where(owner[:, None] == owner, 1.0, np.outer(d, d))
        schur = K * between - np.outer(d, d) * W
        return np.isfinite(schur).all() and np.linalg.eigvalsh(schur)[0] > 0

    if not definite(1.0):
        low, high = 0.0, 1.0
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            low, high = (middle, high) if definite(middle) else (low, middle)
        largest = ", ".join(
            f"{w:.6g}" for w in np.floor(1e6 * (1 + low * (weights - 1))) / 1e6
        )
        raise ValueError(
            f"Weights {', '.join(f'{w:g}' for w in weights)} (eta, nu of the sets "
            "given) make the scaled kernel indefinite, and its log determinant does "
            f"not exist. The largest admissible at this ridge: {largest}. Weights up "
            "to 1 always are."
        )


def _explained(similarity, ground, points, ridge):
    """Return S_ZV (S_V + ridge I)^-1 S_VZ by conjugate gradients, S_V never formed."""
    n = len(ground)

    def multiply(x):
        x = torch.as_tensor(np.ravel(x), device=ground.device)
        return (similarity.sums(ground, ground, x) + ridge * x).cpu().numpy()

    kernel = LinearOperator((n, n), matvec=multiply, dtype=np.float64)
    cross = similarity[ground, points].double().cpu().numpy()
    solved = np.stack([cg(kernel, column, rtol=1e-10)[0] for column in cross.T], axis=1)
    W = cross.T @ solved
    return (W + W.T) / 2
