"""How values of cards are shown."""

from __future__ import annotations

from django import template

from apps.registry.words import in_words

register = template.Library()
register.filter("in_words", in_words)
