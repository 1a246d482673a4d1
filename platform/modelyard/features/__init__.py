"""Raw values to arrays: fitted in training, kept as JSON, applied alike in training and prediction. NumPy and Pillow only."""
