"""The paper's functions in NumPy, from their definitions.  Slow on purpose."""

import numpy as np

METRICS = {
    "cosine": lambda X: (1 + cosine(X)) / 2,
    "raw_cosine": lambda X: cosine(X),
    "dot": lambda X: X @ X.T,
    "rbf": lambda X: np.exp(-squared_distances(X) / squared_distances(X).mean()),
}


def cosine(X):
    X = X / np.linalg.norm(X, axis=1, keepdims=True)
    return X @ X.T


def squared_distances(X):
    return ((X[:, None] - X[None]) ** 2).sum(axis=2)


def scaled(S, V, Q, P, eta, nu):
    """Scale the blocks of S between the sets: eta for Q, nu for P, both for Q and P."""
    weight = np.ones(len(S))
    weight[Q], weight[P] = eta, nu
    owner = np.zeros(len(S))
    owner[Q], owner[P] = 1, 2
    same = owner[:, None] == owner[None, :]
    return S * np.where(same, 1, np.outer(weight, weight))


# Each f takes the kernel, V and a list of points.


def facility_location(S, V, A):
    return S[np.ix_(V, A)].max(axis=1, initial=0).sum()


def graph_cut(lam):
    def f(S, V, A):
        return S[np.ix_(V, A)].sum() - lam * S[np.ix_(A, A)].sum()

    return f


def log_determinant(ridge):
    def f(S, V, A):
        return np.linalg.slogdet(S[np.ix_(A, A)] + ridge * np.eye(len(A)))[1]

    return f


def information(f, S, V, A, Q=None, P=()):
    """I_f(A; Q | P) = f(A+P) + f(Q+P) - f(A+Q+P) - f(P); without Q it is f(A | P)."""
    A, P = list(A), list(P)
    if Q is None:
        return f(S, V, A + P) - f(S, V, P)
    Q = list(Q)
    return f(S, V, A + P) + f(S, V, Q + P) - f(S, V, A + Q + P) - f(S, V, P)


def query_facility_location(S, V, A, Q, eta):
    """I_f(A; Q) for the f whose V-V and Q-Q similarities are the identity."""
    S = S.clip(0).copy()
    for block in (V, Q):
        S[np.ix_(block, block)] = np.eye(len(block))

    def f(S, _, A):
        to_all = S[:, A].max(axis=1, initial=0)
        return eta * to_all[V].sum() + to_all[Q].sum()

    return information(f, S, V, A, Q)


def concave_over_modular(psi):
    def value(S, V, A, Q, eta):
        S = S[np.ix_(A, Q)]
        return eta * psi(S.sum(axis=1)).sum() + psi(S.sum(axis=0)).sum()

    return value


def diverse_graph_cut(lam, gamma):
    def value(S, V, A, Q, eta):
        within = S[np.ix_(A, A)]
        redundancy = within.sum() - within.trace()
        return 2 * lam * eta * S[np.ix_(A, Q)].sum() - gamma * redundancy

    return value


def redundancy_and_ood(S, V, A, Q, O, eta, nu, sharpness):
    """FLCMI with Q also in P: its penalty uses the sharpened kernel (Section 3.5)."""
    S = S.clip(0)
    near = np.minimum(
        S[np.ix_(V, A)].max(axis=1, initial=0), eta * S[np.ix_(V, Q)].max(axis=1)
    )
    penalty = np.maximum(
        nu * S[np.ix_(V, O)].max(axis=1, initial=0),
        nu * S[np.ix_(V, Q)].max(axis=1) ** sharpness,
    )
    return np.maximum(near - penalty, 0).sum()


def greedy(value, candidates, budget, tolerance=1e-9):
    """Greedy on a set function; the first candidate of a tie wins."""
    A, gains = [], []
    for _ in range(budget):
        rest = [j for j in candidates if j not in A]
        gain = np.array([value([*A, j]) for j in rest]) - value(A)
        best = rest[np.flatnonzero(gain >= gain.max() - tolerance)[0]]
        gains.append(gain.max())
        A.append(best)
    return A, gains
