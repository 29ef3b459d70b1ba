"""The engine of the paper's authors picks the same rows, and values them the same.

An independent implementation in C++.  Where it is not installed there is nothing to
compare with; the definitions in NumPy are compared with in any case.
"""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sksimilar import SIMILARSampler
from sksimilar.measures import FUNCTIONS

submodlib = pytest.importorskip("submodlib")

N, N_QUERY, N_GIVEN, BUDGET = 40, 3, 4, 8
ROWS = np.arange(N + N_QUERY + N_GIVEN)
V, Q, P = np.split(ROWS, [N, N + N_QUERY])
# Weights of Q and P, and the ridge or the weight of redundancy.
SETTINGS = [(1.0, 1.0, 1.0), (0.7, 0.8, 0.3), (1.0, 0.5, 0.5), (0.4, 1.0, 0.1)]


def kernel(seed):
    """A kernel between rows of different size, so that single rows are not all alike."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(len(ROWS), 5))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    size = rng.uniform(0.7, 1.0, len(X))
    return (1 + X @ X.T) / 2 * np.outer(size, size)


def theirs(name, S, eta, nu, weight):
    """Return the function of this name in the other library."""
    pairs = {
        "data_sijs": S[np.ix_(V, V)],
        "query_sijs": S[np.ix_(V, Q)],
        "private_sijs": S[np.ix_(V, P)],
        "query_query_sijs": S[np.ix_(Q, Q)],
        "private_private_sijs": S[np.ix_(P, P)],
        "query_private_sijs": S[np.ix_(Q, P)],
    }
    dense = {"n": N, "mode": "dense"}
    query = {"n": N, "num_queries": N_QUERY, "query_sijs": pairs["query_sijs"]}
    given = {"n": N, "num_privates": N_GIVEN, "privacyHardness": nu}
    given |= {name: pairs[name] for name in ("data_sijs", "private_sijs")}
    both = query | given | {"magnificationEta": eta}
    data, lam = {"data_sijs": pairs["data_sijs"]}, {"lambdaVal": weight}
    eta_q, eta_a = {"magnificationEta": eta}, {"queryDiversityEta": eta}
    qq = {"query_query_sijs": pairs["query_query_sijs"]}
    pp = {"private_private_sijs": pairs["private_private_sijs"]}
    kind, arguments = {
        "fl": ("FacilityLocation", dense | {"sijs": data["data_sijs"], "separate_rep": False}),
        "gc": ("GraphCut", dense | lam | {"ggsijs": data["data_sijs"], "separate_rep": False}),
        "logdet": ("LogDeterminant", dense | lam | {"sijs": data["data_sijs"]}),
        "com": ("ConcaveOverModular", query | eta_a),
        "flvmi": ("FacilityLocationMutualInformation", query | data | eta_q),
        "flqmi": ("FacilityLocationVariantMutualInformation", query | eta_a),
        "gcmi": ("GraphCutMutualInformation", query),
        "logdetmi": ("LogDeterminantMutualInformation", query | data | lam | eta_q | qq),
        "flcg": ("FacilityLocationConditionalGain", given),
        "gccg": ("GraphCutConditionalGain", given | lam),
        "logdetcg": ("LogDeterminantConditionalGain", given | lam | pp),
        "flcmi": ("FacilityLocationConditionalMutualInformation", both),
        "logdetcmi": (
            "LogDeterminantConditionalMutualInformation",
            both | lam | qq | pp | {"query_private_sijs": pairs["query_private_sijs"]},
        ),
    }[name]  # fmt: skip
    return getattr(submodlib, f"{kind}Function")(**arguments)


def ours(name, S, eta, nu, weight):
    function = FUNCTIONS[name].make()
    params = {"lam", "ridge"} & set(function.get_params())
    if name != "gcmi":  # Theirs has no weight.
        function.set_params(**dict.fromkeys(params, weight))
    masks = {"candidate_mask": np.isin(ROWS, V)}
    if FUNCTIONS[name].query:
        masks["query_mask"] = np.isin(ROWS, Q)
    if FUNCTIONS[name].conditioning:
        masks["conditioning_mask"] = np.isin(ROWS, P)
    sampler = SIMILARSampler(
        function=function, metric="precomputed", eta=eta, nu=nu, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Facility location with a query saturates.
        sampler.fit(S, **masks).select(BUDGET)
    return sampler


# They have no weights between Q and P, and none at all in GCMI, which is half of ours.
UNWEIGHTED = "gcmi", "logdetcmi"
SHARED = [name for name in FUNCTIONS if name not in ("flq", "divgcmi")]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("name", SHARED)
def test_picks_and_values_are_those_of_submodlib(name, seed):
    eta, nu, weight = SETTINGS[seed % 4]
    eta, nu = (1.0, 1.0) if name in UNWEIGHTED else (eta, nu)
    S = kernel(seed)
    function, sampler = theirs(name, S, eta, nu, weight), ours(name, S, eta, nu, weight)
    found = function.maximize(
        BUDGET, optimizer="NaiveGreedy", verbose=False, show_progress=False
    )
    expected = [point for point, _ in found]
    picks = sampler.selected_indices_.tolist()
    unit = 2.0 if name == "gcmi" else 1.0
    value = unit * function.evaluate({*picks})
    assert_allclose(sampler.value_, value, rtol=1e-5, atol=1e-5)
    for t, (mine, other) in enumerate(zip(picks, expected)):
        if mine != other:  # A tie is the one excuse.
            gains = [function.evaluate({*picks[:t], j}) for j in (mine, other)]
            assert_allclose(*gains, rtol=1e-5, atol=1e-4)
            break
    if sampler.n_informative_ == BUDGET:
        assert picks[:3] == expected[:3]
