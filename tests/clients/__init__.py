"""The original clients of each protocol, unmodified, against the real predictor."""
