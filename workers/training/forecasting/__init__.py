"""Training of forecasters: series from a table, candidates tried on the past, a blend of them as the numeric core."""
