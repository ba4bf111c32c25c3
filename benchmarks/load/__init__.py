"""The load client, the same for every subject, in a process of its own: `python -m benchmarks.load`.

Plain sockets and one readiness selector, no event loop and no library: 12 us of processor time per
message, mostly the kernel's, where a client on asyncio's protocols takes 25 and one compiled to C
11; so the server is what is measured.
"""
