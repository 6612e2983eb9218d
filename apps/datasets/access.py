"""Find a version for a person who may do something with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import get_object_or_404

from apps.accounts.policies import require
from apps.datasets.models import DatasetVersion

if TYPE_CHECKING:
    import uuid

    from apps.accounts.policies import UserRequest


def version_for(
    request: UserRequest, version_id: uuid.UUID, action: str = "datasets.view"
) -> DatasetVersion:
    """Return a version. Raises: Http404: as if there were none, to outsiders."""
    rows = DatasetVersion.objects.select_related("dataset", "team", "created_by", "job", "parent")
    found: DatasetVersion = get_object_or_404(rows, pk=version_id)
    require(request.user, action, found)
    return found
