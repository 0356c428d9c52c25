"""The doors: parse, ask, present."""
