"""Feature flags: the pure rules of decisions, targeting, hits and of the two flag machines."""
