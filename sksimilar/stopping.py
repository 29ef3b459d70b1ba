"""When to stop asking.  Floor 0.

A stop rule is called with the learner after every training, and returns whether to stop.
Those below read ``history_``, so a resumed run stops where an undisturbed one does.
"""

from dataclasses import dataclass

__all__ = [
    "BudgetSpent",
    "Saturated",
    "Settled",
    "TargetScore",
]


@dataclass(frozen=True)
class BudgetSpent:
    """Stop once so many rows are labeled.

    Parameters
    ----------
    n_labels : int
        How many, those at the beginning included.
    """

    n_labels: int

    def __call__(self, learner):
        return learner.history_[-1]["n_labeled"] >= self.n_labels


@dataclass(frozen=True)
class TargetScore:
    """Stop once the score on the validation rows reaches a target.

    Needs ``X_val`` and ``y_val`` in `ActiveLearner.fit`.

    Parameters
    ----------
    target : float
        Score to reach.
    """

    target: float
    needs_score = True

    def __call__(self, learner):
        return learner.history_[-1]["score"] >= self.target


@dataclass(frozen=True)
class Saturated:
    """Stop once the last choice had too few picks that carried information.

    Parameters
    ----------
    share : float, default=0.5
        Fewer informative picks than this share of the choice are too few.
    """

    share: float = 0.5

    def __call__(self, learner):
        chosen = [r for r in learner.history_ if r.get("n_informative") is not None]
        if not chosen:
            return False
        last = chosen[-1]
        return last["n_informative"] < self.share * len(last["selected"])


@dataclass(frozen=True)
class Settled:
    """Stop once a training changed the predicted class of almost no unlabeled row.

    Predicts on all rows after every training to know, and notes the share that changed
    as ``changed`` in the history.

    Parameters
    ----------
    share : float, default=0.01
        Largest share that counts as almost none.
    """

    share: float = 0.01
    watches_pool = True

    def __call__(self, learner):
        changed = learner.history_[-1].get("changed")
        return changed is not None and changed <= self.share


def watches_pool(rules):
    """Return whether one of the rules needs predictions for the pool."""
    return any(getattr(rule, "watches_pool", False) for rule in rules_of(rules))


def reason_to_stop(rules, learner):
    """Return the first of the rules that holds, as text, or None."""
    return next((_name(rule) for rule in rules_of(rules) if rule(learner)), None)


def rules_of(rules):
    """Return a list of the rules, whether they are none, one or several."""
    return [rules] if callable(rules) else rules or []


def _name(rule):
    return getattr(rule, "__name__", None) or repr(rule)
