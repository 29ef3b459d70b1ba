"""Networks of the paper's experiments and their initialization.  Floor 0.

Every network takes ``n_classes`` and ends in an ``nn.Linear`` called ``head``, which
returns the logits: pair it with ``nn.CrossEntropyLoss``.
"""

from skorch.callbacks import Initializer
from torch import nn
from torch.nn import functional as F

__all__ = ["MLP", "LeNet", "ResNet18", "xavier"]


class _Classifier(nn.Module):
    """A body that makes a vector of every row, and a linear head on top of it."""

    def __init__(self, body, head):
        super().__init__()
        self.body = body
        self.head = head

    def forward(self, X):
        """Return the logits of a batch.

        Parameters
        ----------
        X : tensor of shape (n_samples, ...)
            Rows.

        Returns
        -------
        logits : tensor of shape (n_samples, n_classes)
            Before the softmax.
        """
        return self.head(self.body(X))


class MLP(_Classifier):
    """One hidden layer of rectified linear units, for vectors.

    Parameters
    ----------
    n_features : int, default=64
        Length of the rows; 64 for the digits of scikit-learn.

    n_classes : int, default=10
        Number of logits.

    hidden : int, default=64
        Number of hidden units.
    """

    def __init__(self, n_features=64, n_classes=10, hidden=64):
        body = nn.Sequential(nn.Flatten(), nn.Linear(n_features, hidden), nn.ReLU())
        super().__init__(body, nn.Linear(hidden, n_classes))


class LeNet(_Classifier):
    """LeNet-5 [1]_ for images of 28 x 28 pixels, padded to 32 x 32.

    As is common today with rectified linear units, maximum pooling, all maps connected
    and a linear head in place of the radial basis functions.

    Parameters
    ----------
    n_classes : int, default=10
        Number of logits.

    n_channels : int, default=1
        Number of channels of the images.

    References
    ----------
    .. [1] Y. LeCun, L. Bottou, Y. Bengio and P. Haffner. Gradient-based learning
       applied to document recognition. Proceedings of the IEEE, 1998.
    """

    def __init__(self, n_classes=10, n_channels=1):
        body = nn.Sequential(
            *(nn.Conv2d(n_channels, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)),
            nn.Flatten(),
            *(nn.Linear(16 * 5 * 5, 120), nn.ReLU()),
            *(nn.Linear(120, 84), nn.ReLU()),
        )
        super().__init__(body, nn.Linear(84, n_classes))


class ResNet18(_Classifier):
    """ResNet-18 [1]_ for images of 32 x 32 pixels.

    The first layer is the 3 x 3 convolution of the paper's experiments on small images,
    without pooling, in place of the 7 x 7 one for large ones.

    Parameters
    ----------
    n_classes : int, default=10
        Number of logits.

    n_channels : int, default=3
        Number of channels of the images.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren and J. Sun. Deep residual learning for image
       recognition. CVPR 2016.
    """

    def __init__(self, n_classes=10, n_channels=3):
        body = nn.Sequential(
            *(*_convolution(n_channels, 64, 3), nn.ReLU()),
            *(_ResidualBlock(64, 64), _ResidualBlock(64, 64)),
            *(_ResidualBlock(64, 128, stride=2), _ResidualBlock(128, 128)),
            *(_ResidualBlock(128, 256, stride=2), _ResidualBlock(256, 256)),
            *(_ResidualBlock(256, 512, stride=2), _ResidualBlock(512, 512)),
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        )
        super().__init__(body, nn.Linear(512, n_classes))


class _ResidualBlock(nn.Module):
    """relu(F(x) + x), where F is two 3 x 3 convolutions.

    Where F changes the shape of x, a 1 x 1 convolution projects x to it.
    """

    def __init__(self, n_in, n_out, stride=1):
        super().__init__()
        self.residual = nn.Sequential(
            *(*_convolution(n_in, n_out, 3, stride), nn.ReLU()),
            *_convolution(n_out, n_out, 3),
        )
        same = stride == 1 and n_in == n_out
        self.shortcut = nn.Sequential(
            *(() if same else _convolution(n_in, n_out, 1, stride))
        )

    def forward(self, X):
        return F.relu(self.residual(X) + self.shortcut(X))


def _convolution(n_in, n_out, size, stride=1):
    # The shift of the batch normalization makes a bias superfluous.
    convolution = nn.Conv2d(n_in, n_out, size, stride, size // 2, bias=False)
    return convolution, nn.BatchNorm2d(n_out)


def xavier():
    """Return a skorch callback that draws the weights anew by Xavier's uniform rule [1]_.

    It acts at the start of every `fit`, on the weights of convolutions and linear
    layers.  Biases and batch normalization keep their usual initial values.

    Returns
    -------
    callback : skorch.callbacks.Initializer
        To be passed to a skorch net.

    References
    ----------
    .. [1] X. Glorot and Y. Bengio. Understanding the difficulty of training deep
       feedforward neural networks. AISTATS 2010.

    Examples
    --------
    >>> from skorch import NeuralNetClassifier
    >>> from torch import nn
    >>> net = NeuralNetClassifier(
    ...     LeNet, criterion=nn.CrossEntropyLoss, callbacks=[xavier()], train_split=None
    ... )
    """
    return Initializer("*weight", fn=_draw_weights)


def _draw_weights(weight):
    if weight.ndim > 1:  # That of a normalization is a vector, one scale per channel.
        nn.init.xavier_uniform_(weight)
