"""How lists are cut into pages in the API."""

from __future__ import annotations

from rest_framework.pagination import PageNumberPagination


class Pages(PageNumberPagination):
    """Fifty things a page, up to a thousand when asked."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 1000
