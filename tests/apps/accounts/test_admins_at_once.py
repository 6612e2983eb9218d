"""Two admins who act on each other in the same moment never leave the house without one."""

import threading

import pytest
from django.db import connection

from apps.accounts import people as service
from apps.accounts.models import Role, User
from apps.accounts.people import About
from ml_core.errors import NotAllowedError
from tests.people import make_people, make_person

DEMOTED = About("x", "", Role.ANALYST)
DEEDS = {
    "deactivate": lambda one, by: service.deactivate(person_id=one.pk, by=by),
    "demote": lambda one, by: service.change(person_id=one.pk, about=DEMOTED, by=by),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("deed", sorted(DEEDS))
def test_one_of_two_stays(deed):
    ada, zoe = make_people().admin, make_person("Zoe", Role.ADMIN)
    together, refused = threading.Barrier(2), []

    def act(one, by):
        together.wait(10)
        try:
            DEEDS[deed](one, by)
        except NotAllowedError as error:
            refused.append(str(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=act, args=pair) for pair in ((ada, zoe), (zoe, ada))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert User.objects.filter(role=Role.ADMIN, is_active=True).count() == 1
    assert len(refused) == 1
    assert "the last one" in refused[0]
