"""The page of claims."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.shortcuts import render
from django.views.decorators.http import require_GET

from apps.accounts.policies import UserRequest, allowed
from apps.benchmarks.claims import counts, judged

if TYPE_CHECKING:
    from django.http import HttpResponse


@require_GET
@allowed("models.view")
def index(request: UserRequest) -> HttpResponse:
    groups = judged(settings.ASSAY_BENCHMARK_RESULTS)
    found = counts(groups)
    context = {
        "groups": groups,
        "counts": found,
        "is_empty": found["unmeasured"] == sum(found.values()),
        "folder": settings.ASSAY_BENCHMARK_RESULTS.name,
    }
    return render(request, "benchmarks/index.html", context)
