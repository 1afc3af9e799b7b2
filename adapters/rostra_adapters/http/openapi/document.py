"""The contract as OpenAPI 3.1, made of the types that the handlers use, and a page of it."""

from typing import Any

import msgspec
from aiohttp import web
from msgspec import UNSET

from rostra import fields
from rostra.commands import COMMANDS, FEED_TOPICS
from rostra.wire.cloudevents import Envelope
from rostra_adapters.http.base_urls import base_of
from rostra_adapters.http.messages import HTML, JSON, response_with_etag
from rostra_adapters.http.middleware.security_headers import CONTENT_SECURITY_POLICY
from rostra_adapters.http.openapi import page as openapi_page
from rostra_adapters.http.openapi.operations import (
    EVENT,
    EVENTS,
    OPERATIONS,
    Operation,
    Parameter,
)
from rostra_adapters.http.openapi.schema_text import Schema
from rostra_adapters.http.problems import KINDS, MEDIA_TYPE, ProblemShape

VERSION = "1"
REFERENCE = "#/components/schemas/{name}"
METHODS_APART = {"head", "options"}
ALWAYS = (400, 408, 414, 415, 429, 431, 500)
_RESPONSES = {
    200: "Success",
    201: "Created",
    202: "Accepted",
    304: "Not modified",
    308: "Moved permanently",
    400: "Bad request, cursor or query",
    401: "Authentication required",
    403: "Forbidden",
    404: "Not found",
    408: "Request timeout",
    409: "Conflict: the key or id is in use",
    410: "Gone: the cursor expired, or belongs to another log",
    412: "Precondition failed",
    413: "Content too large",
    414: "URI too long",
    415: "Unsupported media type",
    422: "Invalid, or refused by a rule",
    429: "Rate limit exceeded",
    431: "Request header fields too large",
    500: "Internal server error",
    503: "Service unavailable: try again",
}


class OpenApi:
    """Routes of the OpenAPI document, which is made at its first request from all routes."""

    def __init__(self) -> None:
        self._document: Schema | None = None
        self._page: str | None = None

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/openapi.json", self.document), web.get("/docs", self.page)]

    async def document(self, request: web.Request) -> web.Response:
        if self._document is None:
            self._document = describe(request.app)
        servers = [{"url": base_of(request) or "/"}]
        document = msgspec.json.encode({**self._document, "servers": servers})
        return response_with_etag(request, document, media_type=JSON)

    async def page(self, request: web.Request) -> web.Response:
        """Answer with the page, which loads no other files."""
        if self._page is None:
            self._page = openapi_page.page(describe(request.app))
        headers = {CONTENT_SECURITY_POLICY: openapi_page.POLICY}
        return response_with_etag(request, self._page.encode(), media_type=HTML, headers=headers)


FILES = ("/embed/", "/demo", "/moderate")


def routes_of(application: web.Application) -> list[tuple[str, str]]:
    """Return method and path of every route, without derived routes and files."""
    found = []
    for route in application.router.routes():
        assert route.resource is not None
        path = route.resource.canonical
        if route.method.lower() not in METHODS_APART and not path.startswith(FILES):
            found.append((route.method.lower(), path))
    return found


def describe(application: web.Application) -> Schema:
    """Return the OpenAPI document of an application's routes."""
    paths: Schema = {}
    for method, path in routes_of(application):
        if (operation := OPERATIONS.get((method, path))) is not None:
            paths.setdefault(path, {})[method] = _operation(method, path, operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Rostra", "version": VERSION, "license": {"name": "MIT"}},
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            },
        },
    }


def _operation(method: str, path: str, operation: Operation) -> Schema:
    parameters = [_parameter(one) for one in operation.parameters]
    if "{id}" in path:
        uuid = {"type": "string", "format": "uuid"}
        parameters.append({"name": "id", "in": "path", "required": True, "schema": uuid})
    if "{site}" in path:
        site = _schema(fields.SiteName)
        parameters.append({"name": "site", "in": "path", "required": True, "schema": site})
    if "{person}" in path:
        person = _schema(fields.PersonId)
        parameters.append({"name": "person", "in": "path", "required": True, "schema": person})
    if "{link}" in path:
        link = {"type": "string", "minLength": 1, "pattern": "^[A-Za-z0-9_-]+$"}
        parameters.append({"name": "link", "in": "path", "required": True, "schema": link})
    if "{name}" in path:
        name = {"enum": sorted(KINDS)}
        parameters.append({"name": "name", "in": "path", "required": True, "schema": name})
    made: Schema = {
        "summary": operation.summary,
        "operationId": _name(method, path),
        "parameters": parameters,
        "responses": _responses(operation, waits="min_position" in str(parameters)),
        "security": [{"bearer": []}] if operation.scope else [{}, {"bearer": []}],
    }
    needs = f"Needs a token with the scope `{operation.scope}`." if operation.scope else ""
    if description := f"{needs} {operation.note}".strip():
        made["description"] = description
    if operation.request_body:
        made["requestBody"] = {"required": True, "content": _content(operation.request_body)}
    return made


def _name(method: str, path: str) -> str:
    """Return the id of an operation, such as `get_discussions_id_comments`."""
    words = path.replace("{", "").replace("}", "").replace("-", "_").replace(".", "_").split("/")
    return "_".join([method, *(word for word in words if word not in ("", "v1"))])


def _parameter(parameter: Parameter) -> Schema:
    schema = parameter.kind if isinstance(parameter.kind, dict) else _schema(parameter.kind)
    if parameter.name == "type":
        schema = {"enum": sorted(FEED_TOPICS)}
    if parameter.repeated:
        schema = {"type": "array", "items": schema, "minItems": 1, "maxItems": 100}
    made = {
        "name": parameter.name,
        "in": "header" if parameter.header else "query",
        "required": parameter.required,
        "schema": schema,
    }
    return {**made, "description": parameter.said} if parameter.said else made


def _responses(operation: Operation, *, waits: bool) -> Schema:
    answers: Schema = {}
    for status in operation.status:
        answers[str(status)] = {
            "description": _RESPONSES[status],
            "content": _content(operation.response_body),
        }
        if operation.location and status == 201:
            text = {"schema": {"type": "string"}}
            answers[str(status)]["headers"] = {"Location": text}
    if waits:
        read = {"schema": {"type": "string", "pattern": "^[0-9]+$"}}
        answers["200"]["headers"] = {
            "Rostra-Position": read,
            "ETag": {"schema": {"type": "string"}},
        }
        answers["304"] = {"description": _RESPONSES[304]}
    if operation.redirects:
        there = {"Location": {"schema": {"type": "string"}}}
        answers["308"] = {"description": _RESPONSES[308], "headers": there}
    tokens = (401, 403) if operation.scope else (401,)
    problem = {MEDIA_TYPE: {"schema": {"$ref": REFERENCE.format(name="ProblemShape")}}}
    for status in sorted({*ALWAYS, *tokens, *operation.problems}):
        answers[str(status)] = {"description": _RESPONSES[status], "content": problem}
    for status in operation.page_problems:
        page: Schema = {"text/html": {}}
        answers[str(status)] = {"description": _RESPONSES[status], "content": page}
    return answers


def _content(types: dict[str, Any]) -> Schema:
    return {media_type: _media(kind) for media_type, kind in types.items()}


def _media(kind: Any) -> Schema:
    if kind is UNSET:
        return {}
    return {"schema": _schema(kind)}


def _schema(kind: Any) -> Schema:
    if kind == EVENT:
        return {"$ref": REFERENCE.format(name=EVENT)}
    if kind == EVENTS:
        # An element of another shape is answered with a `rejected` result in its place.
        return {"type": "array", "items": {"anyOf": [_schema(EVENT), {}]}}
    if isinstance(kind, tuple):
        return {"anyOf": [_schema(one) for one in kind]}
    (schema,), _ = msgspec.json.schema_components([kind], ref_template=REFERENCE)
    made: Schema = _of_browsers(schema)
    return made


def _schemas() -> Schema:
    """Every type that is read or written, by name."""
    types: list[Any] = [ProblemShape, *COMMANDS.values()]
    for operation in OPERATIONS.values():
        given = (*operation.request_body.values(), *operation.response_body.values())
        for kind in given:
            types += kind if isinstance(kind, tuple) else [kind]
    types = [kind for kind in types if isinstance(kind, type)]
    _, found = msgspec.json.schema_components(types, ref_template=REFERENCE)
    return {EVENT: _event(), **{name: _of_browsers(schema) for name, schema in found.items()}}


def _event() -> Schema:
    """Return the schema of a CloudEvent: its attributes, and the data of its type."""
    properties = {
        field.name: _schema(field.type)
        for field in msgspec.structs.fields(Envelope)
        if not field.name.startswith("data")
    }
    time = {"type": "string", "format": "date-time"}
    return {
        "type": "object",
        "required": ["specversion", "id", "source", "type", "data"],
        "properties": {**properties, "time": time},
        "anyOf": [
            {
                "properties": {
                    "type": {"const": name},
                    "data": {"$ref": REFERENCE.format(name=kind.__name__)},
                }
            }
            for name, kind in COMMANDS.items()
        ],
    }


def _of_browsers(schema: Any) -> Any:
    r"""Patterns in the dialect of JSON Schema, which has no `\A` and `\Z`."""
    if isinstance(schema, dict):
        return {
            name: _pattern(value)
            if name == "pattern" and isinstance(value, str)
            else _of_browsers(value)
            for name, value in schema.items()
        }
    if isinstance(schema, list):
        return [_of_browsers(one) for one in schema]
    return schema


def _pattern(pattern: str) -> str:
    return pattern.replace(r"\A", "^").replace(r"\Z", "$")
