"""What a selection says of the rows that it picked."""

import numpy as np
from sklearn.utils import Bunch

from .._validation.choices import check_selected
from .._validation.rows import check_positions

PARTS = ("relevance", "conditioning", "diversity")
SETS = ("query", "conditioning")

# What a pick is to the selection; the page filters by it.
INFORMATIVE, IDLE = "adds information", "adds nothing"
CONDITIONED, REPEATED = "near the conditioning set", "like an earlier pick"


def explained(selection, n_samples):
    """Return what is known of each pick: ``index`` at least, best first.

    A sampler that explains itself gives the parts of the gains and the nearest given
    rows, another one its scores, and bare positions nothing else.
    """
    if hasattr(selection, "ask"):
        raise TypeError(
            "`selection` must be a sampler that has selected, or positions in X, got "
            f"{type(selection).__name__}. Pass its `sampler_`, or what `ask` returns."
        )
    if not hasattr(selection, "select"):
        return Bunch(index=check_positions(selection, n_samples, "selection"))
    check_selected(selection)
    if hasattr(selection, "explain"):
        return selection.explain()
    index = selection.selected_indices_
    scores, candidates = getattr(selection, "scores_", ()), selection.candidates_
    if not len(scores) or len(scores) != len(candidates):
        return Bunch(index=index)
    return Bunch(index=index, score=scores[np.searchsorted(candidates, index)])


def as_picks(told):
    """Return a dict for each pick, which JSON can hold."""
    parts = [name for name in PARTS if name in told and np.any(told[name])]
    roles = roles_of(told)
    return [_as_pick(told, i, parts, roles) for i in range(len(told["index"]))]


def _as_pick(told, i, parts, roles):
    worth = [name for name in ("gain", "score") if name in told]
    given = [name for name in SETS if f"nearest_{name}" in told]
    return {
        "index": int(told["index"][i]),
        **{name: _number(told[name][i]) for name in worth},
        "parts": [[name, _number(told[name][i])] for name in parts],
        "nearest": {name: _neighbor(told, name, i) for name in given},
        "roles": [role for role, mask in roles.items() if mask[i]],
    }


def _neighbor(told, name, i):
    """Return the position of the nearest row of a set, and how similar it is."""
    return [int(told[f"nearest_{name}"][i]), _number(told[f"{name}_similarity"][i])]


def roles_of(told):
    """Return the picks of each role as a mask; there is none without an explanation.

    A pick is near the conditioning set if that takes more than half of its relevance,
    or is more similar to it than the query; and like an earlier pick if those take
    more than half.
    """
    if "relevance" not in told:
        return {}
    gain, relevance = told["gain"], told["relevance"]
    informative = np.abs(gain) > 1e-9 * np.abs(relevance).max(initial=0)
    roles = {INFORMATIVE: informative, IDLE: ~informative}
    if "conditioning_similarity" in told:
        taken = -told["conditioning"] > np.abs(relevance) / 2
        query = told.get("query_similarity", np.full(len(gain), np.inf))
        roles[CONDITIONED] = taken | (told["conditioning_similarity"] > query)
    roles[REPEATED] = -told["diversity"] > np.abs(relevance) / 2
    return roles


def _number(value):
    """Return a float, or None where it is no number."""
    return float(value) if np.isfinite(value) else None
