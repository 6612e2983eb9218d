"""Pages of what differs between two versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from apps.accounts.policies import UserRequest, allowed, can
from apps.datasets.access import version_for
from apps.datasets.compare_forms import CompareForm
from apps.datasets.comparing import start_comparison
from apps.datasets.errors import ConflictError
from apps.datasets.findings_views import place_of
from apps.datasets.inspecting import peer_of, peers_of, usual_reference
from apps.datasets.models import Comparison

if TYPE_CHECKING:
    import uuid

    from django.http import HttpResponse

    from apps.datasets.models import DatasetVersion


@require_GET
@allowed("datasets.view")
def choose_old(request: UserRequest, version_id: uuid.UUID) -> HttpResponse:
    """Choose the version to compare with."""
    found = version_for(request, version_id)
    form = CompareForm(found, request.GET or None, initial={"old": usual_reference(found)})
    if form.is_bound and form.is_valid():
        return redirect("datasets:compare", found.pk, form.cleaned_data["old"].pk)
    context = {"version": found, "form": form, "has_peers": peers_of(found).exists()}
    return render(request, "datasets/compare_choose.html", context)


@allowed("datasets.view")
def compare(request: UserRequest, version_id: uuid.UUID, other_id: uuid.UUID) -> HttpResponse:
    """What differs from an older version; a POST has it found out."""
    action = "datasets.upload" if request.method == "POST" else "datasets.view"
    found = version_for(request, version_id, action)
    other = peer_of(found, other_id)
    if request.method == "POST":
        try:
            start_comparison(new=found, old=other, user=request.user)
        except ConflictError as error:
            messages.warning(request, str(error))
        return redirect("datasets:compare", found.pk, other.pk)
    comparison = Comparison.objects.filter(new=found, old=other).select_related("job").first()
    context = {
        "version": found,
        "other": other,
        "comparison": comparison,
        "may_compare": can(request.user, "datasets.upload", found),
        **(_shown(found, other, comparison) if comparison else {}),
    }
    is_fragment = request.headers.get("HX-Request") == "true"
    return render(request, f"datasets/{'_compare' if is_fragment else 'compare'}.html", context)


def _shown(found: DatasetVersion, other: DatasetVersion, comparison: Comparison) -> dict[str, Any]:
    result = comparison.result
    if not result:
        return {}
    kinds = (
        ("Added", "added", found),
        ("Removed", "removed", other),
        ("Changed", "changed", found),
    )
    return {
        "kinds": [
            (title, result[key]["n"], [(row, place_of(where, row)) for row in result[key]["first"]])
            for title, key, where in kinds
        ],
        "cells": sorted(result["changed_cells"].items(), key=lambda pair: -pair[1]),
        "moved": [one for one in result["moved"] if one["shift"]],
    }
