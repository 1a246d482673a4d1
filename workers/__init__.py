"""The verbs: Celery workers, the child processes they start, and the predictor."""
