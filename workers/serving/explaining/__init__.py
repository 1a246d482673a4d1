"""Explanations of single predictions: how much each column, piece of text or part of a picture spoke for the answer.

`asking` and `queueing` are light and always loaded; the rest is imported with the first call that wants an explanation.
"""
