"""The rules of timelines: authored documents, how users walk through them, what they see."""
