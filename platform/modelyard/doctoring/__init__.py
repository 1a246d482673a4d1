"""What `manage.py doctor` looks at. A check returns findings: what is so, whether that is right, and what to do."""
