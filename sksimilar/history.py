"""What happened in a round, in numbers that JSON can hold.  Floor 1."""

import numpy as np

__all__ = ["answered", "asked", "looked_at", "outcome", "sizes"]

# What a sampler may know about its own choice, by the name of the attribute.
OUTCOMES = ("gains_", "value_", "n_informative_", "bound_")


def sizes(pool, codebook):
    """Return the sizes at the start of a round."""
    return {
        "n_labeled": int(pool.labeled.sum()),
        "n_unlabeled": int(pool.candidates.sum()),
        "labeled_per_class": count(pool.codes[pool.labeled], codebook),
    }


def looked_at(query, conditioning, wanted):
    """Return the sizes of Q and P, and whether a wanted query was empty."""
    return {
        "n_query": 0 if query is None else int(query.sum()),
        "n_conditioning": 0 if conditioning is None else int(conditioning.sum()),
        "query_fallback": wanted and query is None,
    }


def outcome(sampler):
    """Return what the sampler says about its choice, as far as it does."""
    said = {name: getattr(sampler, name, None) for name in OUTCOMES}
    record = {
        name[:-1]: plain(value) for name, value in said.items() if value is not None
    }
    if min(record.get("value", 0), record.get("bound", 0)) > 0:
        record["certified_ratio"] = record["value"] / record["bound"]
    return record


def asked(rows, seconds_embed, seconds_select):
    """Return which rows were chosen, and how long that took."""
    return {
        "selected": rows.tolist(),
        "seconds_embed": seconds_embed,
        "seconds_select": seconds_select,
    }


def answered(number, pool, codebook):
    """Return what the rows asked for in a round turned out to be."""
    rows = pool.selected == number
    found = pool.codes[rows & pool.labeled]
    return {
        "selected_per_class": count(found, codebook),
        "n_rare": int(np.isin(found, pool.query_codes).sum()),
        "n_ood": int((found == pool.n_classes).sum()),
        "n_skipped": int((rows & pool.skipped).sum()),
    }


def count(codes, codebook):
    """Return how often each class occurs, by its name."""
    counts = np.bincount(codes, minlength=codebook.n_outputs).tolist()
    return {codebook.name(code): n for code, n in enumerate(counts)}


def plain(value):
    """Return arrays and NumPy numbers as lists and numbers."""
    return np.asarray(value).tolist()
