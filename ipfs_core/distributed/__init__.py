"""An import over several processes or machines, and one that writes its CAR in parts."""
