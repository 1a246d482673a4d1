"""Training that ends at once, in its own words: what is measured is the queue, not the fitting of networks."""

import sys

from modelyard.contracts.progress import Progress

if sys.stdin.readline():
    said = Progress(event="failure", code="stand_in", message="Nothing was trained.", hint="This is a load test.")
    print(said.to_line(), flush=True)
    sys.exit(3)
