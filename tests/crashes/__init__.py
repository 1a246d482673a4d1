"""Processes killed at every crash point, and what is found of their work afterwards."""
