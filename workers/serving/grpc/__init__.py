"""The Open Inference Protocol over gRPC, on a port of its own: another transport to the same desk.

Only `port` is imported unless the port is on: gRPC and its messages take about 15 MB of memory.
"""
