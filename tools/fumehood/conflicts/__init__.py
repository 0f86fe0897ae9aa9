"""Which requirement lines cannot hold together, why, and what would mend it."""
