"""What a learner or sampler is set to."""

import warnings
from contextlib import contextmanager

import torch


def check_device(device):
    """Refuse a device that torch does not know, or that is not there."""
    if device == "auto":
        return
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f"`device` must be 'auto' or a device of torch that is there, such as 'cpu' "
            f"or 'cuda', got {device!r}. (torch says: {str(error).splitlines()[0]})"
        ) from error


@contextmanager
def room_on_device():
    """Name the ways out where an accelerator has no room, not even for halved blocks."""
    try:
        yield
    except torch.cuda.OutOfMemoryError as error:
        raise torch.cuda.OutOfMemoryError(
            "The accelerator is out of memory. Free some of it; lower the `batch_size` "
            "of the network, which batches of predictions have, too; or let "
            "SIMILARSampler keep the pool on the host by device='cpu', or embed it in "
            f"parts by n_partitions. (torch says: {str(error).splitlines()[0]})"
        ) from error


def check_sets(scenario, query_mask, ood_label):
    """Refuse a scenario whose sets stay empty for ever; warn of a query unused."""
    names = scenario.names()
    if query_mask is None and names & {"R", "L-R"}:
        raise ValueError(
            f"{scenario} needs to know the wanted rows R: mark them with `query_mask`, "
            "or use a scenario without R."
        )
    if ood_label is None and "O" in names:
        raise ValueError(
            f"{scenario} conditions on out-of-distribution rows: say by `ood_label` "
            "what the annotator calls them, or use a scenario without O."
        )
    is_used = names & {"R", "L-R", "I"} or callable(scenario.query)
    if query_mask is not None and not is_used and not callable(scenario.conditioning):
        warnings.warn(
            f"{scenario} has no query: `query_mask` only keeps its rows out of the "
            "pool. Use scenario='rare' to ask for rows like them."
        )


def check_rounds(n_done, n_rounds):
    """Refuse fewer rounds than the run of a checkpoint has already."""
    if n_done > n_rounds:
        raise ValueError(
            f"`checkpoint` holds a run of {n_done} rounds, and n_rounds={n_rounds}. Give "
            "this run a directory of its own, or raise `n_rounds`."
        )


def check_stopping(rules, is_scored):
    """Refuse rules to stop by that cannot be asked."""
    for rule in rules:
        if getattr(rule, "needs_score", False) and not is_scored:
            raise ValueError(
                f"{rule} needs a score of every round: pass X_val and y_val to `fit`."
            )
        if not callable(rule) or isinstance(rule, type):
            raise TypeError(
                "`stopping` must be a function of the learner, or a list of them, got "
                f"{rule!r:.60}. A class of `sksimilar.stopping` needs its number, as in "
                "BudgetSpent(100)."
            )
