"""The same arguments for `ipfs-core add` and `ipfs add`: every line, every byte of the CAR.

python3 -m tests.differential --rounds 1000 --seed 7
"""
