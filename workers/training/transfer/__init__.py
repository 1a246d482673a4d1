"""Training upon a network that was pre-trained elsewhere: its answers are learned from first, then its last part."""
