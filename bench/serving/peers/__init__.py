"""Servers that Modelyard is measured against. Each takes the artifact folder and a port, and says nothing."""
