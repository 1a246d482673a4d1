"""Servers that Modelyard is measured against, each in a folder with its pinned requirements."""
