"""Which experiments a change affects, and why."""
