"""What GPUs a machine has, as NVIDIA's management library (NVML) tells it."""
