"""How a state is told: in words, with an icon and a colour, never by colour alone."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class State:
    """A state as it is shown; `colour` is one of Tabler's names."""

    title: str
    colour: str
    icon: str


STATES: dict[str, State] = {
    "queued": State("Queued", "secondary", icon="clock"),
    "running": State("Running", "blue", icon="player-play"),
    "succeeded": State("Succeeded", "green", icon="circle-check"),
    "failed": State("Failed", "red", icon="alert-triangle"),
    "rejected": State("Rejected", "orange", icon="circle-x"),
    "cancelled": State("Cancelled", "secondary", icon="ban"),
    "uploaded": State("Uploaded", "azure", icon="upload"),
    "mapping": State("Needs mapping", "yellow", icon="arrows-left-right"),
    "checking": State("Checking", "blue", icon="checklist"),
    "ready": State("Ready", "green", icon="circle-check"),
    "candidate": State("Candidate", "azure", icon="box"),
    "shadow": State("Shadow", "purple", icon="eye"),
    "live": State("Live", "green", icon="broadcast"),
    "retired": State("Retired", "secondary", icon="archive"),
    "nothing": State("Did nothing", "secondary", icon="circle-minus"),
    "refused": State("Refused", "orange", icon="shield-x"),
    "active": State("Active", "green", icon="player-play"),
    "deleted": State("Deleted", "secondary", icon="trash"),
    "paused": State("Paused", "yellow", icon="player-pause"),
    "neutral": State("Note", "secondary", icon="info-circle"),
    "good": State("Good", "green", icon="circle-check"),
    "warning": State("Warning", "orange", icon="alert-triangle"),
    "bad": State("Bad", "red", icon="alert-octagon"),
    "reached": State("Reached", "green", icon="circle-check"),
    "missed": State("Not reached", "orange", icon="alert-triangle"),
    "measured": State("Measured", "azure", icon="info-circle"),
    "unmeasured": State("Not measured", "secondary", icon="circle-minus"),
    "broken": State("Broken", "red", icon="alert-triangle"),
}


def state_of(name: str) -> State:
    """Return how a state is shown; one that is not known is shown by its own name."""
    known = STATES.get(name)
    return known or State(name.replace("_", " ").capitalize(), "secondary", icon="point")
