"""Mathematics, silent and pure: from tables to graphs, from graphs to models, from models to measures."""
