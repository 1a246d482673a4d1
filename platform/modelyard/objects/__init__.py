"""An S3-compatible object store in place of a shared folder, and each machine's copies of what it holds.

bucket.py    which bucket, read from an address
store.py     the few things that we ask of a bucket; the only module that imports boto3, and only when it is used
probing.py   is the store there, and may we use it
opening.py   the copies as the environment describes them
index.py     what is in a stored folder: names, sizes and digests
parts.py     a file that arrives in parts
packing.py   a folder inside a folder travels as one tar
shelf.py     the copies: fetched whole or not at all, checked, shared by all processes, bounded
locks.py     who uses which copy, across processes
__main__.py  fetches in a process of its own, for those that cannot afford boto3

Every object is named by the SHA-256 of its bytes, below the path of its folder, so it never changes, cannot be half
there under its name, and is checked by whoever fetches it. The last one to be written is the index, and the digest of
the index, the *seal*, is what a row of the database keeps. Nothing here knows Django.
"""
