"""Taking up the life before: what was learned, what we owe, what we promised."""

from daemon.actions import Action
from daemon.archive import Archive
from daemon.contractor import SPEED, Contractor
from daemon.display import DISCOVERED, Display
from daemon.home import Home
from daemon.owner import OWNER, Owner
from daemon.reputation import PREFIX as CALIBRATION


def restored(
    archive: Archive,
    home: Home,
    contractor: Contractor,
    owner: Owner,
    display: Display,
    now: float,
) -> list[Action]:
    """Fill all machines from the journal; what is to be done and told at once."""
    for row in archive.facts():
        match row.key:
            case key if key == OWNER:
                owner.restore(row.rev, row.state, now)
            case key if key == DISCOVERED:
                display.restore(row.rev, row.state)
            case key if key.startswith(CALIBRATION):
                home.reputation.restore(key, row.rev, row.state)
            case key if key.startswith(SPEED):
                contractor.restore_speed(key, row.rev, row.state)
            case _:
                pass
    owed = [contractor.restore(kept, phase, now) for kept, phase in archive.contracts()]
    promised = home.restore(archive.unfinished(), now)
    return [*(action for actions in owed for action in actions), *promised]
