"""The TCP side of the service: how many may connect, for how long, and with how many bytes.

uvicorn and the websockets library bound messages and nothing else: a head without end, a request that never ends and
answers that nobody reads are bounded here, by subclasses of uvicorn's two protocols.
"""
