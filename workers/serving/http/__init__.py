"""HTTP/1.1 over asyncio: exchanges in, answers out, in order, bounded in size and time."""
