"""Side-by-side benchmarks: the emulator, JavaScript on workerd, and bare aiohttp.

Run with `python -m benchmarks`; benchmarks/README.md says how to read and how to extend it.
"""
