"""Taking up the life before: what was learned, what we owe, what we promised."""

from daemon.actions import Action
from daemon.archive import Archive
from daemon.contractor import SPEED, Contractor
from daemon.home import Home
from daemon.reputation import PREFIX as CALIBRATION


def restored(archive: Archive, home: Home, contractor: Contractor, now: float) -> list[Action]:
    """Fill both machines from the journal; what is to be done and told at once."""
    for row in archive.facts():
        if row.key.startswith(CALIBRATION):
            home.reputation.restore(row.key, row.rev, row.state)
        elif row.key.startswith(SPEED):
            contractor.restore_speed(row.key, row.rev, row.state)
    owed = [contractor.restore(kept, phase, now) for kept, phase in archive.contracts()]
    promised = home.restore(archive.unfinished(), now)
    return [*(action for actions in owed for action in actions), *promised]
