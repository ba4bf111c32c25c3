"""Looking at the objects of a running emulator, and acting on them for a developer.

What only looks never wakes an object, opens no file for writing and makes none. `objects` says which
objects there are and what one of them is, `storage` reads and edits what they keep, `sockets` and
`lives` act on them, `entries` turns the timeline into JSON, `live` hands it out as it grows.

Proof: tests/runtime/test_inspection.py.
"""
