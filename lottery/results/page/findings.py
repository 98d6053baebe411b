"""What the first screen of the page says, in a few lines for a terminal."""

from lottery.results.page import first_screen, rehearsal
from lottery.results.page.inputs import Tables
from lottery.results.page.outcome import outcome

_ANSWERS = {True: "ok", False: "FAULT", None: "note"}


def _rest(tile: first_screen.Tile) -> str:
    return tile.text or ", ".join(text for _, text in tile.chips)


def findings(tables: Tables) -> list[str]:
    """Of a run that can be compared with the paper the verdicts; else what happened, and whether it worked."""
    found = outcome(tables)
    if not found.rehearsal:
        return [
            f"{tile.title}: {tile.value}{'' if tile.text[:1].islower() else '.' * bool(tile.text)} {_rest(tile)}".strip()
            for tile in first_screen.tiles(tables, found)
        ]
    checks = [f"{_ANSWERS[check.ok]:5} {check.text}" for check in rehearsal.checks(tables)]
    return [rehearsal.title(tables), rehearsal.story(tables), *checks]


def faults(tables: Tables) -> list[str]:
    """What must be true of a run that cannot be compared with the paper, and is not."""
    checks = rehearsal.checks(tables) if outcome(tables).rehearsal else []
    return [check.text for check in checks if check.ok is False]
