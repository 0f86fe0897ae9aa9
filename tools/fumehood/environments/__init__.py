"""Layers, and the thin environments that stack them."""
