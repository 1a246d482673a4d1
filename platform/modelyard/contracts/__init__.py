"""What crosses a process border: plain dataclasses and JSON, the standard library only."""
