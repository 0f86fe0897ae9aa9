"""Independence: whether an experiment has all that it needs from places that say so."""
