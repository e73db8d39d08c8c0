"""The server's own OpenAPI document as a judge of every answer it gives."""

import re

import requests
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from lib.clock import PATIENCE_S

DOCUMENT = "urn:heliograph:openapi"
ERRORS = {
    "type": "object",
    "required": ["errors"],
    "properties": {
        "errors": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["code", "title"],
                "properties": {"code": {"type": "string", "pattern": "^[a-z_]+$"}, "title": {"type": "string", "minLength": 3}},
            },
        }
    },
}


def pointer(text):
    """One step of a JSON pointer."""
    return text.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")


def triggers(document):
    """What an integration may ask to be told of. What is ours comes without being asked for."""
    return sorted(kind for kind in document["webhooks"] if not kind.startswith("heliograph:"))


def path_of(url):
    """The path of a URL, or of a request's target, which need not be one."""
    return re.match(r"(\w+://[^/?#]*)?([^?#]*)", url)[2]


def as_answered(node):
    """The document as it speaks of answers: what may only be written is required of requests alone."""
    if isinstance(node, list):
        return [as_answered(item) for item in node]
    if not isinstance(node, dict):
        return node
    read = {name: as_answered(value) for name, value in node.items()}
    if isinstance(read.get("required"), list):
        properties = read.get("properties", {})
        read["required"] = [name for name in read["required"] if not properties.get(name, {}).get("writeOnly")]
    return read


class Contract:
    """Looks up the operation of an answer and validates its body."""

    def __init__(self, document):
        self.document = document
        resource = Resource.from_contents(as_answered(document), default_specification=DRAFT202012)
        self.registry = Registry().with_resource(DOCUMENT, resource)
        self.errors = Draft202012Validator(ERRORS)
        self.validators, self.events = {}, {}
        self.routes = []
        for template, item in document["paths"].items():
            pattern = re.compile(re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(template)) + "$")
            methods = {name.upper(): operation for name, operation in item.items() if isinstance(operation, dict)}
            # Literal paths win over templated ones of the same shape.
            self.routes.append((template.count("{"), pattern, template, methods))
        self.routes.sort(key=lambda route: route[0])

    @classmethod
    def of(cls, url):
        """The contract of a running server."""
        return cls(requests.get(f"{url}/openapi.json", timeout=PATIENCE_S).json())

    def operation(self, method, url):
        """(template, operation) behind a request, or None for paths outside the document."""
        path = path_of(url)
        path = path[3:] if path.startswith("/sc/") else path
        for _, pattern, template, methods in self.routes:
            if method in methods and pattern.match(path):
                return template, methods[method]
        return None

    def check(self, method, url, status, body):
        """Fails when an answer is not what the document promises."""
        if status >= 400:
            self.demand(self.errors, body, f"{method} {url} -> {status}: not the error form")
        known = self.operation(method, url)
        assert known or status >= 400, f"{method} {url} -> {status}: the document does not know this operation"
        if known is None or status >= 500:
            # What is not there, and errors of the server's own, are no operation's.
            return
        template, operation = known
        where = f"{method} {template} -> {status}"
        described = str(status)
        assert described in operation["responses"], f"{where}: the document does not know this status: {str(body)[:300]}"
        self.demand(self.validator(method, template, described), body, f"{where}: not as the document says")
        response = operation["responses"][described]
        schema = response.get("content", {}).get("application/json", {}).get("schema")
        if schema is not None:
            unknown = list(self.unknown([schema], body))
            assert not unknown, f"{where}: the document does not know {unknown}"

    def check_event(self, event):
        """Fails when a webhook is sent what the document does not promise."""
        kind = event["type"]
        assert kind in self.document.get("webhooks", {}), f"{kind}: the document does not know this event"
        media = self.document["webhooks"][kind]["post"]["requestBody"]["content"]["application/json"]["schema"]
        unknown = list(self.unknown([media["properties"]["events"]["items"]], event))
        assert not unknown, f"{kind}: the document does not know {unknown}"
        if kind not in self.events:
            media = "post/requestBody/content/application~1json/schema/properties/events/items"
            self.events[kind] = Draft202012Validator(
                {"$ref": f"{DOCUMENT}#/webhooks/{pointer(kind)}/{media}"}, registry=self.registry)
        self.demand(self.events[kind], event, f"{kind}: not as the document says")

    def unknown(self, schemas, value, place="$"):
        """The places in a value that none of its schemas tells of."""
        schemas = [part for schema in schemas for part in self.parts(schema)]
        if isinstance(value, list):
            items = [schema["items"] for schema in schemas if "items" in schema]
            for at, item in enumerate(value if items else ()):
                yield from self.unknown(items, item, f"{place}[{at}]")
        if isinstance(value, dict) and any("properties" in schema for schema in schemas):
            others = [schema["additionalProperties"] for schema in schemas if schema.get("additionalProperties")]
            for name, inner in value.items():
                known = [schema["properties"][name] for schema in schemas if name in schema.get("properties", {})]
                if known:
                    yield from self.unknown(known, inner, f"{place}.{name}")
                elif not others:
                    yield f"{place}.{name}"

    def parts(self, schema):
        """A schema and all that it is made of."""
        if not isinstance(schema, dict):
            return []
        inner = [self.resolve(schema["$ref"])] if "$ref" in schema else []
        for word in ("allOf", "oneOf", "anyOf"):
            inner += schema.get(word, [])
        return [schema, *(part for one in inner for part in self.parts(one))]

    def validator(self, method, template, status):
        """The validator of one documented answer (made once)."""
        key = (method, template, status)
        if key not in self.validators:
            self.validators[key] = self.make_validator(*key)
        return self.validators[key]

    def make_validator(self, method, template, status):
        response = self.document["paths"][template][method.lower()]["responses"][status]
        place = f"{DOCUMENT}#/paths/{pointer(template)}/{method.lower()}/responses/{status}"
        if "$ref" in response:
            place = DOCUMENT + response["$ref"]
            response = self.resolve(response["$ref"])
        if "application/json" not in response.get("content", {}):
            return Draft202012Validator({})
        schema = {"$ref": f"{place}/content/application~1json/schema"}
        return Draft202012Validator(schema, registry=self.registry)

    def resolve(self, reference):
        node = self.document
        for step in reference.removeprefix("#/").split("/"):
            node = node[step.replace("~1", "/").replace("~0", "~")]
        return node

    @staticmethod
    def demand(validator, body, message):
        problems = [f"{problem.json_path}: {problem.message[:300]}" for problem in validator.iter_errors(body)]
        assert not problems, message + "\n  " + "\n  ".join(problems) + f"\n  body: {str(body)[:600]}"
