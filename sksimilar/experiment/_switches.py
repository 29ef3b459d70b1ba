"""Where the paper's text and the code that its authors released differ."""

from dataclasses import dataclass, field, fields

from ._options import OptionError, positive

__all__ = ["Switches"]


def _switch(default, text, choices=None):
    how = {"choices": choices} if choices else {"type": positive, "metavar": "N"}
    return field(default=default, metadata={"help": text, **how})


@dataclass(frozen=True)
class Switches:
    """What an experiment does where the paper's text and the authors' code differ.

    Each is an option of the command line and a column of the results.

    Parameters
    ----------
    query : {'growing', 'fixed'}, default='growing'
        Whether R and I take in the wanted rows found (code) or stay (text).

    parity : {'yes', 'no'}, default='yes'
        Whether every method trains on the query rows too.

    schedule : {'cosine', 'constant'}, default='cosine'
        Learning rate of the text (cosine) or of the code (constant).

    epochs : int, default=150
        Most epochs in a round; 150 in the text, 300 in the code.

    metric : {'cosine', 'raw_cosine', 'dot'}, default='cosine'
        Similarity: (1 + cos) / 2, its form at the time of the paper, or the plain inner
        product of the text.

    labels : {'true', 'hypothesized'}, default='true'
        Labels behind the gradients of Q and P: true (code) or hypothesized (text).

    partitions : int, default=1
        Random parts of the pool to select in, each a share of the budget.

    augment : {'auto', 'on', 'off'}, default='auto'
        Whether images are shifted in training, and photographs mirrored; 'auto' does so
        for CIFAR-10 alone.

    Raises
    ------
    OptionError
        For a value that is none of these.

    Examples
    --------
    >>> from sksimilar.experiment import Switches
    >>> Switches(schedule="constant", epochs=300).schedule
    'constant'
    """

    query: str = _switch(
        "growing",
        "whether R and I take in the wanted rows found (code) or stay (text)",
        ("growing", "fixed"),
    )
    parity: str = _switch(
        "yes",
        "whether every method trains on the query rows too",
        ("yes", "no"),
    )
    schedule: str = _switch(
        "cosine",
        "learning rate of the text (cosine) or of the code (constant)",
        ("cosine", "constant"),
    )
    epochs: int = _switch(
        150, "most epochs in a round; 150 in the text, 300 in the code"
    )
    metric: str = _switch(
        "cosine",
        "similarity: (1 + cos) / 2, its form at the time of the paper, or the plain "
        "inner product of the text",
        ("cosine", "raw_cosine", "dot"),
    )
    labels: str = _switch(
        "true",
        "labels behind the gradients of Q and P: true (code) or hypothesized (text)",
        ("true", "hypothesized"),
    )
    partitions: int = _switch(
        1, "random parts of the pool to select in, each a share of the budget"
    )
    augment: str = _switch(
        "auto",
        "shift images in training, and mirror photographs: auto does so for CIFAR-10 "
        "alone, since MNIST comes nearer to the published numbers without",
        ("auto", "on", "off"),
    )

    def __post_init__(self):
        for switch in fields(self):
            value, choices = getattr(self, switch.name), switch.metadata.get("choices")
            if choices and value not in choices:
                raise OptionError(
                    f"--{switch.name}", f"{value!r} is none of {', '.join(choices)}."
                )

    def of_sampler(self):
        """Return them as parameters of `SIMILARSampler`.

        Returns
        -------
        parameters : dict
            By name.
        """
        return {
            "metric": self.metric,
            "labels": self.labels,
            "n_partitions": self.partitions,
            "merge": False,
        }

    def of_network(self, by_default):
        """Return them as arguments of `Protocol.network`.

        Parameters
        ----------
        by_default : bool
            Whether 'auto' augments.

        Returns
        -------
        arguments : dict
            By name.
        """
        return {
            "max_epochs": self.epochs,
            "schedule": self.schedule,
            "augment": by_default if self.augment == "auto" else self.augment == "on",
        }
