"""Runs fumehood sessions on a Ray cluster."""
