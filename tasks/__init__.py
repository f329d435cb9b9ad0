"""The outside world, one neighbour a file: settings, lake, catalogue, sources, registry, reports."""
