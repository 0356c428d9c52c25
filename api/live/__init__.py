"""Live push: topics over a socket and its server-sent twin (specs: live push, engine 8)."""
