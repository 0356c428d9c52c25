"""Actors, machines, live topics: the engine that knows no domain."""
