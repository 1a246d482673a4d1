"""The queue of batch predictions: fair by the size of their files (`modelyard.fair_queue`), by the shares of runs."""

from modelyard.batches.models import BatchPrediction
from modelyard.fair_queue import FairQueue
from modelyard.runs.queueing import read_shares

QUEUE = FairQueue(kind=BatchPrediction, cost="size", read_shares=read_shares)
queue_positions = QUEUE.positions
queue_position = QUEUE.position
