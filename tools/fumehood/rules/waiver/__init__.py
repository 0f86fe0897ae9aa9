"""Waivers: dated, reasoned permissions for findings."""
