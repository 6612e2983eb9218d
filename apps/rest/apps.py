"""What all addresses of the REST interface have in common."""

from django.apps import AppConfig


class RestConfig(AppConfig):
    name = "apps.rest"
    label = "rest"
