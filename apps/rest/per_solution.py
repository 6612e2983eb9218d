"""What each solution takes, told in the OpenAPI document from its own columns and options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from apps.catalog.services import registry

if TYPE_CHECKING:
    from ml_core.data.schema import Column
    from solutions.api import Solution

Json = dict[str, Any]
FILE_KINDS = ("image", "audio")
_KINDS: dict[str, Json] = {
    "number": {"type": "number"},
    "flag": {"type": "integer", "enum": [0, 1]},
    "time": {"type": "string", "format": "date-time"},
}


def describe_solutions(result: Json) -> None:
    """Add the options, settings and columns of each solution, and where they are sent."""
    found = list(registry())
    schemas = result["components"]["schemas"]
    for solution in found:
        name = solution.slug.title().replace("_", "")
        schemas[f"{name}Options"] = _of_model(solution.options, schemas, name)
        schemas[f"{name}Settings"] = _of_model(solution.settings, schemas, name)
        schemas[f"{name}Row"] = row_of(solution)
    names = [solution.slug.title().replace("_", "") for solution in found]
    _choose(schemas, "StartTrainingRequest", "options", [f"{name}Options" for name in names])
    _choose(schemas, "StartScoringRequest", "settings", [f"{name}Settings" for name in names])
    _choose(schemas, "AskRequest", "settings", [f"{name}Settings" for name in names])
    _choose(schemas, "AskRequest", "row", [f"{name}Row" for name in names])
    for path, methods in result["paths"].items():
        if "/solutions/{slug}/" in path:
            _name_solutions(methods, [solution.slug for solution in found])
    _describe_form(result, found)


def row_of(solution: Solution[Any]) -> Json:
    """Return the schema of a row as it is asked about; files come as parts of their own."""
    columns = [c for c in solution.inputs().columns if c.kind not in FILE_KINDS]
    needed = [c.name for c in columns if c.required and c.role != "label"]
    schema: Json = {
        "type": "object",
        "description": f"{solution.title}: {solution.summary}",
        "properties": {column.name: _of_column(column) for column in columns},
    }
    return {**schema, "required": needed} if needed else schema


def _of_column(column: Column) -> Json:
    unit = f" In {column.unit}." if column.unit else ""
    schema: Json = {"title": column.title, "description": column.description + unit}
    schema |= _KINDS.get(column.kind, {"type": "string"})
    if column.kind == "number" and column.minimum is not None:
        schema["minimum"] = column.minimum
    if column.kind == "number" and column.maximum is not None:
        schema["maximum"] = column.maximum
    if column.nullable:
        schema["type"] = [schema["type"], "null"]
        if "enum" in schema:
            schema["enum"] = [*schema["enum"], None]
    return schema


def _of_model(model: Any, schemas: Json, name: str) -> Json:
    schema: Json = model.model_json_schema(ref_template=f"#/components/schemas/{name}{{model}}")
    for inner, definition in schema.pop("$defs", {}).items():
        schemas[f"{name}{inner}"] = definition
    return schema


def _choose(schemas: Json, request: str, field: str, names: list[str]) -> None:
    """Say that a field takes what one of the solutions takes; which one, the address says."""
    fields = schemas.get(request, {}).get("properties", {})
    if names and field in fields:
        choices = [{"$ref": f"#/components/schemas/{name}"} for name in names]
        fields[field] = {"anyOf": choices, "description": fields[field].get("description", "")}


def _name_solutions(methods: Json, slugs: list[str]) -> None:
    for operation in methods.values():
        for parameter in operation.get("parameters", []) if isinstance(operation, dict) else []:
            if parameter["name"] == "slug" and slugs:
                parameter["schema"] = {"type": "string", "enum": slugs}
                parameter["description"] = "Name of a solution of this installation."


def _describe_form(result: Json, found: list[Solution[Any]]) -> None:
    """Say of the form of a question what JSON cannot: a part for each file."""
    schemas = result["components"]["schemas"]
    place = result["paths"].get("/api/v1/solutions/{slug}/answers/", {}).get("post", {})
    content = place.get("requestBody", {}).get("content", {})
    if "AskRequest" not in schemas or "multipart/form-data" not in content:
        return
    fields = dict(schemas["AskRequest"]["properties"])
    for name in ("row", "settings"):
        text = f"A JSON object, as text. {fields[name].get('description', '')}".strip()
        fields[name] = {"type": "string", "contentMediaType": "application/json",
                        "description": text}  # fmt: skip
    for solution in found:
        for column in solution.inputs().columns:
            if column.kind in FILE_KINDS:
                text = f"{column.title}: a file ({solution.slug})."
                fields[column.name] = {"type": "string", "format": "binary", "description": text}
    schemas["AskForm"] = {"type": "object", "properties": fields}
    content["multipart/form-data"]["schema"] = {"$ref": "#/components/schemas/AskForm"}
