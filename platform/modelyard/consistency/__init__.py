"""What `manage.py fsck` looks at: do database, files, ledger, audit log and Redis tell the same story?

Every module looks at one subject and yields findings; nothing here changes anything. It may look while others work:
what is found is looked at again before it is told, so that a row which has just gone is no finding.
"""
