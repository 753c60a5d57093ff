"""An open CAR: its entries, their contents, and what is wrong with it."""
