"""What manage.py fsck finds, and that it finds nothing where nothing is wrong."""
