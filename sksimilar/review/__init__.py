"""A page on which a person looks at a selection and labels it, and the way back.  Floor 1.

`write_gallery` makes one HTML file that needs no server and calls no address; what is
answered there is exported as CSV or JSON, and `read_answers` returns what
`ActiveLearner.tell` is to be told.
"""

from ._answers import read_answers
from ._page import write_gallery

__all__ = ["read_answers", "write_gallery"]
