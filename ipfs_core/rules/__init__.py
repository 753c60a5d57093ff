"""Rules for names that are not taken, as Kubo reads them."""
