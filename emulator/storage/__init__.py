"""What an object keeps: SQLite files laid out as the platform's local tools lay them out.

The ring is synchronous: a statement runs on the thread that asked for it. `actor_sqlite.py` is the
front door; nothing here reads a clock, rolls dice or knows the event loop.
"""
