"""Modelyard: from a data set to a hosted prediction endpoint."""

__version__ = "0.3.0"
