"""Running an experiment's tests: GPUs, the fence, the pytest plugin."""
