"""The catalogue's tables and the steps that lead to them."""
