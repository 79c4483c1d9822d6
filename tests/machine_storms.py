"""Many seeds of the small world, one line in the end; a seed that fails is told as its shortest script.

    PYTHONPATH=tests python -m machine_storms --seeds 2000

Exit code 1 when a promise was broken. See docs/simulator.md.
"""

import argparse
import sys
from collections import Counter

from machine_ledger import Broken
from machine_script import Ask, Cancel, drawn
from machine_world import World, shortest

from bus_topics import messages as m


def main(arguments: list[str] | None = None) -> int:
    """Run them; 0 when every promise was kept."""
    parser = argparse.ArgumentParser(prog="machine_storms", description="seeds of the small world")
    parser.add_argument("--seeds", type=int, default=2000, help="how many (default %(default)s)")
    parser.add_argument("--first", type=int, default=0, help="the first one (default %(default)s)")
    parser.add_argument("--show", action="store_true", help="print what each run consists of")
    chosen = parser.parse_args(arguments)
    broken = 0
    totals: Counter[str] = Counter()
    for seed in range(chosen.first, chosen.first + chosen.seeds):
        world = World(drawn(seed))
        try:
            world.run()
        except Broken:
            broken += 1
            _say(shortest(world.script))
        if chosen.show:
            _say(str(world.script.whole(world.mishaps)))
        totals.update(_of(world))
    told = ", ".join(f"{count:,} {name}" for name, count in totals.items())
    _say(f"{chosen.seeds} seeds from {chosen.first}: {broken} broken; {told}")
    return 1 if broken else 0


def _of(world: World) -> dict[str, int]:
    """What happened in one run."""
    ends = [end for app in world.apps.values() for told in app.ends.values() for end in told[-1:]]
    done = [end for end in ends if isinstance(end, m.Final) and end.outcome is m.Outcome.DONE]
    crashes = sum(" writes " in key for key in world.mishaps)
    return {
        "tasks": sum(len(app.submits) for app in world.apps.values()),
        "done": len(done),
        "crashes at a commit": crashes,
        "messages lost, doubled or late": len(world.mishaps) - crashes,
        "blows and lies": sum(not isinstance(event, Ask | Cancel) for event in world.script.events),
        "steps": world.steps,
    }


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
