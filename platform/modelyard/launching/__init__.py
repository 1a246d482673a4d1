"""Starting a whole installation on one machine: what `make up` does after the environment is built."""
