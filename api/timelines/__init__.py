"""The timelines' door: who may come in, what is asked of users and timelines, how it answers."""
