"""The protocol families. Each says which paths are its own, what they ask for, and what its answers look like."""
