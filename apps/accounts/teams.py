"""What an admin does about teams; a team that owns something stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models, transaction
from django.utils.text import slugify

from apps.accounts.models import Membership, Team
from apps.accounts.services import house_changed
from ml_core.errors import ConfigError, NotAllowedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from apps.accounts.models import User

MOST_SLUG = 56  # of 64, to leave room for a number


@transaction.atomic
def make(*, name: str, by: User) -> Team:
    """Make a team. Raises: ConfigError: if the name is taken."""
    _check_name(name)
    team = Team.objects.create(name=name, slug=_free_slug(name))
    _tell("team.made", by, team)
    return team


@transaction.atomic
def rename(*, team: Team, name: str, by: User) -> Team:
    """Give a team another name. Raises: ConfigError: if the name is taken."""
    before = team.name
    if name == before:
        return team
    _check_name(name, but=team)
    team.name = name
    team.save(update_fields=["name"])
    _tell("team.renamed", by, team, before={"name": before}, after={"name": name})
    return team


@transaction.atomic
def add(*, team: Team, person: User, by: User) -> None:
    """Put a person into a team; who is there already stays."""
    _, is_new = Membership.objects.get_or_create(team=team, user=person)
    if is_new:
        _tell("team.member_added", by, team, person=person.email)


@transaction.atomic
def remove(*, team: Team, person: User, by: User) -> None:
    """Take a person out of a team; keys for the team stop working."""
    n_removed, _ = Membership.objects.filter(team=team, user=person).delete()
    if n_removed:
        _tell("team.member_removed", by, team, person=person.email)


@transaction.atomic
def delete(*, team: Team, by: User) -> None:
    """Delete a team that owns nothing, with its keys.

    Raises: NotAllowedError: if it owns something, saying what.
    """
    if owned := owned_by(team):
        things = ", ".join(f"{n:,} {name}" for name, n in owned)
        raise NotAllowedError(
            f"A team must own nothing to be deleted. {team} owns {things}. "
            "Delete those first, or keep the team and take its members out."
        )
    summary = {"members": team.memberships.count(), "keys": team.api_keys.count()}
    house_changed.send(sender=Team, action="team.deleted", actor=by, thing=team, summary=summary)
    team.delete()


def owned_by(team: Team) -> list[tuple[str, int]]:
    """Return what a team owns, by kind: the rows that would be orphans without it."""
    counted = (
        (
            str(model._meta.verbose_name_plural),  # noqa: SLF001  documented API
            model._base_manager.filter(**{field: team}).count(),  # noqa: SLF001  as above
        )
        for model, field in _owners()
    )
    return sorted((name, n) for name, n in counted if n)


def _owners() -> Iterator[tuple[type[models.Model], str]]:
    for relation in Team._meta.get_fields(include_hidden=True):  # noqa: SLF001  documented API
        if (
            isinstance(relation, models.ManyToOneRel)
            and relation.on_delete is models.PROTECT
            and isinstance(relation.related_model, type)
        ):
            yield relation.related_model, relation.field.name


def _check_name(name: str, but: Team | None = None) -> None:
    others = Team.objects.exclude(pk=but.pk) if but else Team.objects.all()
    if others.filter(name__iexact=name).exists():
        raise ConfigError(f"The name of a team must be used once. {name!r} is. Choose another.")


def _free_slug(name: str) -> str:
    stem = slugify(name)[:MOST_SLUG].strip("-") or "team"
    taken = set(Team.objects.filter(slug__startswith=stem).values_list("slug", flat=True))
    numbered = (f"{stem}-{n}" for n in range(2, len(taken) + 3))
    return next(slug for slug in (stem, *numbered) if slug not in taken)


def _tell(action: str, by: User, team: Team, **summary: Any) -> None:
    house_changed.send(sender=Team, action=action, actor=by, thing=team, summary=summary)
