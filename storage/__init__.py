"""Stores behind the engine's port, and the lists of each domain."""
