"""Whether somebody still looks after an experiment."""
