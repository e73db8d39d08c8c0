"""The server's own OpenAPI document as a judge of every answer it gives."""

import re
from urllib.parse import urlsplit

import requests
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

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
        self.seen = set()
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
        return cls(requests.get(f"{url}/openapi.json", timeout=10).json())

    def operation(self, method, url):
        """(template, operation) behind a request, or None for paths outside the document."""
        path = urlsplit(url).path
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
        if known is None:
            return
        template, operation = known
        where = f"{method} {template} -> {status}"
        self.seen.add(operation.get("operationId"))
        described = next((key for key in (str(status), "default") if key in operation["responses"]), None)
        if described is None:
            assert status >= 400, f"{where}: the document does not know this status"
            return
        self.demand(self.validator(method, template, described), body, f"{where}: not as the document says")

    def check_event(self, event):
        """Fails when a webhook is sent what the document does not promise."""
        kind = event["type"]
        assert kind in self.document.get("webhooks", {}), f"{kind}: the document does not know this event"
        if kind not in self.events:
            media = "post/requestBody/content/application~1json/schema/properties/events/items"
            self.events[kind] = Draft202012Validator(
                {"$ref": f"{DOCUMENT}#/webhooks/{pointer(kind)}/{media}"}, registry=self.registry)
        self.demand(self.events[kind], event, f"{kind}: not as the document says")

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
