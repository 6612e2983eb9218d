"""What the OpenAPI document says of every address: refusals, limits, keys, examples.

Apps describe what is their own beside their views; this completes it for all of them
(`POSTPROCESSING_HOOKS` of drf-spectacular).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from apps.rest.examples import EXAMPLES
from apps.rest.per_solution import describe_solutions

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]
METHODS = ("get", "post", "put", "patch", "delete")
_SCHEMA = "#/components/schemas/Problem"

_TEXT = {"type": "string"}
PROBLEM: Json = {
    "type": "object",
    "description": "What went wrong, and what to do next (RFC 9457).",
    "required": ["type", "title", "status", "detail", "instance", "request_id"],
    "properties": {
        "type": {**_TEXT, "description": "urn:assay:problem: and a code that stays."},
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": {**_TEXT, "description": "What happened here."},
        "instance": {**_TEXT, "description": "The path that was asked for."},
        "request_id": {**_TEXT, "description": "By which the request is found in the log."},
        "advice": {**_TEXT, "description": "What to do next."},
        "issues": {
            "type": "array",
            "items": {"type": "object"},
            "description": "Reasons by row and column, the first hundred.",
        },
        "fields": {
            "type": "object",
            "additionalProperties": {"type": "array", "items": _TEXT},
            "description": "Reasons by field of the request.",
        },
    },
}
REFUSALS: dict[str, tuple[str, str]] = {
    "400": ("BadRequest", "The request cannot be understood, or a field is not valid."),
    "401": ("NotAuthenticated", "No key or login, or none that is known."),
    "403": ("NotAllowed", "The role, or the scopes of the key, do not allow this."),
    "404": ("NotFound", "There is none, or it belongs to a team that the caller is not in."),
    "406": ("NotAcceptable", "This address answers in JSON only."),
    "409": ("Conflict", "The state of things does not allow this, or it is being done already."),
    "413": ("TooLarge", "The body is longer than this installation takes. Nothing was stored."),
    "415": ("UnsupportedMediaType", "This address does not read that content type."),
    "422": ("UnusableData", "The data cannot be used, or the Idempotency-Key is another's."),
    "429": (
        "TooManyRequests",
        "The caller's limit is reached, or a model has no room; see Retry-After.",
    ),
    "503": ("Unavailable", "A process that is needed does not answer. Try again."),
    "507": ("NoRoom", "The disk has no room for the file. Nothing was stored."),
}
_ALWAYS = ("400", "401", "403", "404", "406", "429")
_WITH_BODY = ("409", "413", "415", "422", "503")
IDEMPOTENCY: Json = {
    "in": "header",
    "name": "Idempotency-Key",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
    "description": "The same key gives the same answer again for a day, and starts nothing twice. "
    "With another body it is refused (422), while the first is worked on too (409).",
}
_LIMITS: Json = {
    "RateLimit-Limit": ("integer", "Requests that the caller has in a time."),
    "RateLimit-Remaining": ("integer", "Requests that are left of them."),
    "RateLimit-Reset": ("integer", "Seconds until all of them are back."),
}
_REPLAYED: Json = {
    "Idempotent-Replay": ("string", '"true" where the answer was given before under this key.')
}


def complete(result: Json, generator: Any, request: Any, public: bool) -> Json:  # noqa: FBT001
    """Complete a document of the interface."""
    parts = result.setdefault("components", {})
    parts.setdefault("schemas", {})["Problem"] = PROBLEM
    parts["responses"] = {name: _refusal(code, text) for code, (name, text) in REFUSALS.items()}
    parts["headers"] = {name: _header(*about) for name, about in (_LIMITS | _REPLAYED).items()}
    for path, method, operation in operations(result):
        operation["operationId"] = operation["operationId"].replace(".", "")
        operation["summary"] = operation.get("summary") or _summary(operation)
        if method == "post":
            _add_key(operation)
        _add_refusals(operation, path, method)
        _add_headers(operation, method)
        _add_examples(operation)
    for schema in parts["schemas"].values():
        _relative_addresses(schema)
    describe_solutions(result)
    return result


def operations(result: Json) -> Iterator[tuple[str, str, Json]]:
    """Yield path, method and operation of a document."""
    for path, methods in result["paths"].items():
        for method in METHODS:
            if method in methods:
                yield path, method, methods[method]


def _refusal(code: str, text: str) -> Json:
    headers = {"Retry-After": _header("integer", "Seconds to wait.")} if code == "429" else {}
    content = {"application/problem+json": {"schema": {"$ref": _SCHEMA}}}
    answer: Json = {"description": text, "content": content}
    return {**answer, "headers": headers} if headers else answer


def _header(kind: str, text: str) -> Json:
    return {"description": text, "schema": {"type": kind}}


_VERBS = {"_list": "List", "_retrieve": "Get one of", "_destroy": "Delete one of"}


def _summary(operation: Json) -> str:
    things = str(operation.get("tags", [""])[0])
    for ending, verb in _VERBS.items():
        if operation["operationId"] == things.replace("-", "_") + ending:
            return f"{verb} the {things.replace('-', ' ')}"
    return str(operation.get("description", "")).split("\n", 1)[0].rstrip(".")


def _add_key(operation: Json) -> None:
    others = [p for p in operation.get("parameters", []) if p["name"] != IDEMPOTENCY["name"]]
    operation["parameters"] = [*others, IDEMPOTENCY]


def _add_refusals(operation: Json, path: str, method: str) -> None:
    codes = list(_ALWAYS)
    if method != "get":
        codes += _WITH_BODY
    elif "{" in path:
        codes += ["409", "422"]
    if "multipart/form-data" in operation.get("requestBody", {}).get("content", {}):
        codes.append("507")
    for code in codes:
        place = f"#/components/responses/{REFUSALS[code][0]}"
        operation["responses"].setdefault(code, {"$ref": place})
    for code, answer in operation["responses"].items():
        if code >= "400" and "$ref" not in answer:
            answer["content"] = {"application/problem+json": {"schema": {"$ref": _SCHEMA}}}
    operation["responses"] = dict(sorted(operation["responses"].items()))


def _add_headers(operation: Json, method: str) -> None:
    names = [*_LIMITS, *(_REPLAYED if method == "post" else ())]
    for code, answer in operation["responses"].items():
        if code.startswith("2"):
            answer["description"] = answer.get("description") or "Done."
            links = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
            answer["headers"] = {**answer.get("headers", {}), **links}


def _add_examples(operation: Json) -> None:
    found = EXAMPLES.get(operation["operationId"])
    if found is None:
        return
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        if kind in found.requests:
            content["examples"] = _named(found.requests[kind])
    for code, answer in operation["responses"].items():
        if code.startswith("2") and found.answer:
            for content in answer.get("content", {}).values():
                content["examples"] = _named(found.answer)


def _named(examples: Json) -> Json:
    return {name: {"value": value} for name, value in examples.items()}


def _relative_addresses(schema: Json) -> None:
    """Say the truth of our addresses: they begin with a slash, not with a scheme."""
    for field in schema.get("properties", {}).values():
        if isinstance(field, dict) and field.get("format") == "uri":
            field["format"] = "uri-reference"
