"""Benchmarks: every figure is a ratio to the bare work, measured in the same run. See docs/performance.md.

inputs.py    the files and folders that are hashed, the same bytes on every machine
works.py     what is measured: a Work is a group of Rows, and row one is the bare work
bare.py      the bare work itself, a process of its own
spawn.py     runs one command; says its seconds and peak RSS
measure.py   runs the rows of a work in turn, round after round
machine.py   where it was measured: processors, versions, file system
report.py    the table of ratios
"""
