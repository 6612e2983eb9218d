"""Features go with the data that they were made from."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.db import transaction
from django.db.models.signals import post_delete, pre_delete
from django.dispatch import receiver

from apps.datasets.models import DatasetVersion
from apps.features import services
from apps.features.models import FeatureView


@receiver(post_delete, sender=FeatureView)
def forget_view(instance: FeatureView, **_: Any) -> None:
    """Remove the files and the online rows of a view that is gone, as with its dataset."""
    blobs, spaces = instance.blobs, [instance.online_space]
    transaction.on_commit(partial(services.forget, blobs, spaces), robust=True)


@receiver(pre_delete, sender=DatasetVersion)
def forget_rows(instance: DatasetVersion, **_: Any) -> None:
    """Empty the views that hold rows of a version that goes, and let no run add them later.

    A run that is at work may have read them already: it finds another revision and starts again.
    """
    # Held, so that a run which ends just now is either seen here or finds the new revision.
    views = FeatureView.objects.select_for_update().filter(dataset_id=instance.dataset_id)
    for view in views:
        if str(instance.pk) in view.version_ids:
            _empty(view)
        elif instance.is_ready:  # no run reads another
            FeatureView.objects.filter(pk=view.pk).update(revision=view.revision + 1)


def _empty(view: FeatureView) -> None:
    FeatureView.objects.filter(pk=view.pk).update(
        days={}, n_days=0, n_rows=0, n_entities=0, online_space="", newest_event=None,
        materialised_at=None, version=None, revision=view.revision + 1,
    )  # fmt: skip
    transaction.on_commit(partial(services.forget, view.blobs, [view.online_space]), robust=True)
