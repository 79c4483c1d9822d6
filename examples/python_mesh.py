"""Ask the bus from Python with the project's own client: submit, follow, be told the one end.

    python examples/python_mesh.py --port 1883

`Mesh` is a requester: what it has submitted is never lost once it was accepted, and it shows a streamed text
as it comes. For an app that only publishes, python_paho.py is enough.
"""

import argparse
import asyncio
import sys

from daemon.asking import MeshError
from daemon.mesh import Mesh


async def talk(host: str, port: int) -> None:
    """Three ways to ask. Raises MeshError."""
    async with Mesh(host, port, login="notebook") as mesh:
        # One that is awaited to its end.
        sums = await mesh.submit("math", "what is 15% of 80", preference="fastest")
        final = await sums.final()
        print(f"{final.node} says {bytes(final.result or b'null').decode()}")

        # One that is read as it is written.
        asked = await mesh.submit("text_generation", "Once upon a time", stream=True, max_tokens=24)
        async for chunk in asked:
            print(chunk.text, end="")
        print()

        # Who is there.
        for view in await mesh.nodes():
            print(f"{view.id}: {'online' if view.online else 'offline'}")


def main() -> int:
    """0: all of it was answered; 4: the bus could not be reached, or did not answer."""
    parser = argparse.ArgumentParser(description="Three ways to ask the bus.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=1883)
    given = parser.parse_args()
    try:
        asyncio.run(talk(given.host, given.port))
    except MeshError as error:
        print(error, file=sys.stderr)
        return 4
    return 0


if __name__ == "__main__":
    sys.exit(main())
