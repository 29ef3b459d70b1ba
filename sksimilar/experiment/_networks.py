"""The paper's networks and recipe, fast enough for hundreds of runs.

What skorch does by default is kept but for two things that change no number: rows are
taken a batch at a time instead of one by one, and predicted in large batches.
"""

import torch
from skorch import NeuralNetClassifier
from torch import nn
from torch.nn import functional as F
from torch.utils.data import Dataset

from ..training import paper_training

__all__ = ["Batches", "Normalized", "mirrored", "network", "shifted"]


class Batches(Dataset):
    """Rows and labels of which a DataLoader takes a whole batch by one index.

    Parameters
    ----------
    X : array-like or tensor of shape (n_samples, ...)
        Rows.

    y : array-like of shape (n_samples,), default=None
        Labels; zeros by default.
    """

    def __init__(self, X, y=None):
        self.X = torch.as_tensor(X)
        self.y = torch.zeros(len(X)) if y is None else torch.as_tensor(y)

    def __len__(self):
        return len(self.X)

    def __getitem__(self, row):
        return self.X[row], self.y[row]

    def __getitems__(self, rows):
        """Return the rows as one batch."""
        return self.X[rows], self.y[rows]


def as_it_is(batch):
    """Return a batch that needs no collating."""
    return batch


class Normalized(nn.Module):
    """A network for images of values 0 to 1; in training they are shifted and mirrored.

    Parameters
    ----------
    network : type
        Class of the network, such as :class:`~sksimilar.models.LeNet`.

    mean, std : tuple of float
        Of every channel, to normalize by.

    n_classes : int, default=10
        Number of logits.

    padding : int, default=0
        Most pixels to shift by in training: the random crop out of an image with a
        frame so wide.

    flip : bool, default=False
        Whether to mirror half of the images in training.
    """

    def __init__(self, network, mean, std, n_classes=10, padding=0, flip=False):
        super().__init__()
        self.network = network(n_classes=n_classes, n_channels=len(mean))
        self.padding = padding
        self.flip = flip
        self.register_buffer("mean", torch.tensor(mean)[:, None, None])
        self.register_buffer("std", torch.tensor(std)[:, None, None])

    def forward(self, X):
        if self.training and self.padding:
            X = shifted(X, self.padding)
        if self.training and self.flip:
            X = mirrored(X)
        return self.network((X - self.mean) / self.std)


def shifted(X, most):
    """Return images, each shifted at random by up to so many pixels, over black."""
    n, n_channels, height, width = X.shape
    top, left = torch.randint(2 * most + 1, (2, n, 1, 1, 1), device=X.device)
    image = torch.arange(n, device=X.device)[:, None, None, None]
    channel = torch.arange(n_channels, device=X.device)[:, None, None]
    row = top + torch.arange(height, device=X.device)[:, None]
    column = left + torch.arange(width, device=X.device)
    return F.pad(X, [most] * 4)[image, channel, row, column]


def mirrored(X):
    """Return images, half of them, drawn at random, mirrored from left to right."""
    is_mirrored = torch.rand(len(X), 1, 1, 1, device=X.device) < 0.5
    return torch.where(is_mirrored, X.flip(3), X)


def network(architecture, images, *, max_epochs, schedule, padding, flip, device="cpu"):
    """Return a net that is trained as in the paper.

    Parameters
    ----------
    architecture : type
        Class of the network.

    images : ndarray of shape (n_samples, n_channels, height, width)
        Of values 0 to 1, to normalize by.

    max_epochs : int
        Most epochs in a round.

    schedule : {'cosine', 'constant'}
        Of the learning rate.

    padding, flip
        As in :class:`Normalized`.

    device : str, default="cpu"
        Where to train.

    Returns
    -------
    net : NeuralNetClassifier
        Not initialized.
    """
    settings = paper_training(max_epochs)
    if schedule == "constant":
        settings["callbacks"] = [c for c in settings["callbacks"] if c[0] != "schedule"]
    return NeuralNetClassifier(
        Normalized,
        module__network=architecture,
        module__mean=tuple(images.mean((0, 2, 3), dtype=float).tolist()),
        module__std=tuple(images.std((0, 2, 3), dtype=float).tolist()),
        module__padding=padding,
        module__flip=flip,
        batch_size=20,
        dataset=Batches,
        iterator_train__collate_fn=as_it_is,
        iterator_valid__collate_fn=as_it_is,
        iterator_valid__batch_size=500,
        device=device,
        **settings,
    )
