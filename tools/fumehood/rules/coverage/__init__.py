"""Coverage: whether everything that is there is tested, and everything that is named is there."""
