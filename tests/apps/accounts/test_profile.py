"""A person's own settings."""

from apps.accounts.models import Role


def test_it_keeps_name_theme_and_zone(people, login):
    form = {"first_name": "Al", "last_name": "", "theme": "dark", "timezone": "Europe/Berlin"}

    answer = login(people.alice).post("/settings/", form)

    people.alice.refresh_from_db()
    assert answer.status_code == 302
    assert people.alice.theme == "dark"
    assert people.alice.timezone == "Europe/Berlin"


def test_nobody_gives_himself_a_role(people, login):
    form = {"theme": "auto", "timezone": "UTC", "role": "admin", "is_superuser": "on"}

    login(people.alice).post("/settings/", form)

    people.alice.refresh_from_db()
    assert people.alice.role == Role.ANALYST
    assert not people.alice.is_superuser


def test_an_unknown_zone_is_refused(people, login):
    page = login(people.alice).post("/settings/", {"theme": "auto", "timezone": "Mars/Base"})

    assert page.status_code == 200
    assert page.context["form"].errors["timezone"]
