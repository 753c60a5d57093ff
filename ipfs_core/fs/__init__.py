"""Beyond the local file system: inputs by URL, what is in tars and zips, and CARs as a file system (`car://`).

The only package that imports fsspec, and only when a URL is given (extra ``fs``).
"""
