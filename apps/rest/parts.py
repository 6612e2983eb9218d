"""JSON within a part of a form: read as strictly as a body of JSON."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from rest_framework import serializers
from rest_framework.exceptions import ParseError

from apps.rest.words import require_storable


class JsonPart(serializers.JSONField):
    """A field that a form sends as text, and a body of JSON as it is."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the value that is meant."""
        return json_in(data)


class ObjectPart(JsonPart):
    """The same for an object of names and values."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Return the object that is meant."""
        read = super().to_internal_value(data)
        if not isinstance(read, dict):
            raise serializers.ValidationError("It must be an object of names and values.")
        return read


def json_in(value: Any) -> Any:
    """Return a value that a form can only send as text.

    Raises: ValidationError: if it is no JSON, or none that can be kept.
    """
    try:
        read = json.loads(value, parse_constant=_refuse) if isinstance(value, str) else value
        require_storable(read)
    except ParseError as error:
        raise serializers.ValidationError(str(error.detail)) from error
    except (ValueError, RecursionError) as error:
        raise serializers.ValidationError("It must be JSON. Correct it.") from error
    return read


def _refuse(name: str) -> NoReturn:
    message = f"{name} is no JSON"
    raise ValueError(message)
