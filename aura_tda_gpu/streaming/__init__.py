"""Event-time windows over a stream of points, and the diagram of each."""
