"""Files that people wrote, read into values: requirement files, pyproject.toml, manifests, CODEOWNERS."""
