"""Fuzzing: functions that take any bytes, and fail only if the package breaks a promise.

targets.py    one function for each part of the package that reads what strangers wrote
draw.py       DAGs, CARs and options made of bytes, so that mutated bytes are mutated structures
bounds.py     how much memory and time a target may take of so many bytes
seeds.py      what to begin with
__main__.py   ``python -m tests.fuzz TARGET``: guided by coverage, with atheris
regressions/  inputs that once found something, or that reach what others do not; replayed by pytest
"""
