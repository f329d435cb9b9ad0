"""Graph neural networks, one architecture a file, all on the primitives of `models/message_passing.py`."""
