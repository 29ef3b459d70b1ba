"""Checks at the public doors that several modules share.  Floor 0.

Below `fit` and `select` code trusts its input.  A message names the argument, what was
expected, what came, and where one can guess it, the way out.
"""
