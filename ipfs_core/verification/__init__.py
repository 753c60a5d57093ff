"""Whether data has a CID, and under which settings: every candidate in one reading of the data."""
