#!/usr/bin/env python3
"""What a user would write instead: a chat server on asyncio's streams.

One room, names, joins and leaves announced, one write a receiver for each line,
and a drain() behind it, so that a slow reader can't make the server's memory
grow: it makes everybody wait instead. It is one of the benchmark's yardsticks:
asyncio_chat.py -l HOST:PORT
"""

import argparse
import asyncio
import contextlib

members = {}


async def announce(text, sender=None):
    line = text.encode() + b"\r\n"
    for writer in list(members.values()):
        if writer is not sender and not writer.is_closing():
            writer.write(line)
            with contextlib.suppress(ConnectionError):  # its own task sees to that
                await writer.drain()


async def converse(name, reader, writer):
    while line := await reader.readline():
        text = line.decode(errors="replace").strip()
        if text == "/quit":
            return
        if text.startswith("/ping"):
            writer.write(f"* pong{text[5:]}\r\n".encode())
        elif text:
            await announce(f"#lobby <{name}> {text}", writer)


async def serve(reader, writer):
    name = next(f"guest{n}" for n in range(1, len(members) + 2) if f"guest{n}" not in members)
    members[name] = writer
    await announce(f"#lobby -- {name} joined", writer)
    writer.write(f"* Welcome. You are {name} in #lobby.\r\n".encode())
    try:
        with contextlib.suppress(ConnectionError, ValueError):  # ValueError: a line too long
            await converse(name, reader, writer)
    finally:
        del members[name]
        writer.close()
        await announce(f"#lobby -- {name} left")


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-l", "--listen", default="127.0.0.1:7777")
    host, _, port = parser.parse_args().listen.rpartition(":")
    server = await asyncio.start_server(serve, host or None, int(port), backlog=4096)
    for sock in server.sockets:
        print("listening on {}:{}".format(*sock.getsockname()[:2]))
    print("ready", flush=True)
    await server.serve_forever()


asyncio.run(main())
