"""Real peers, run hermetically: what they print and write are the expected values."""
