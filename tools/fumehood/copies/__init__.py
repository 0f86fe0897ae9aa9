"""Copied code: Python source as tokens, their fingerprints, and the runs of tokens that two files share."""
