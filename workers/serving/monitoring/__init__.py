"""What people and programs see of the predictor at work: live counts, failures, drift, metrics. Nothing here is on the
way of an answer: calls are counted by the meter, everything else is worked out once a second."""
