"""What a CAR holds, written to a folder: whole or not at all, and nowhere else."""
