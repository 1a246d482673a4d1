"""Artifacts in memory: verified, proved, warmed, asked in batches, and put away when memory runs short."""
