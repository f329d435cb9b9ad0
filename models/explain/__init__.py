"""Explanations of single scores: which relations and which features a firm's log-odds come from, one method a file."""
