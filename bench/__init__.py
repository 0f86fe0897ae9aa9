"""What fumehood costs, side by side with what one would use instead: ``python -m bench``."""
