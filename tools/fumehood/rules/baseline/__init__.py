"""The baseline: findings that were there when a repository began to be checked, and that may only become fewer."""
