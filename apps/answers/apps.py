"""Application of single answers."""

from django.apps import AppConfig


class AnswersConfig(AppConfig):
    name = "apps.answers"
    label = "answers"
