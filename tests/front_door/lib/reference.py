"""What the reference says of webhooks and of the limits of requests, where it lies beside the repository."""

import re
from functools import cache

import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from lib.server import ROOT

# What our events carry beyond the reference (docs/compatibility.md).
OURS = {"messageHistory"}
FILE = ROOT.parent / "shared" / "contract" / "openapi.yaml"
NAME = "urn:reference"


def modern(node):
    """A schema of OpenAPI 3.0 in the words of today: what is `nullable` may be null."""
    if isinstance(node, list):
        return [modern(item) for item in node]
    if not isinstance(node, dict):
        return node
    made = {name: modern(value) for name, value in node.items() if name not in ("nullable", "discriminator")}
    if "oneOf" in node and "discriminator" in node:
        made |= told_apart(node["discriminator"], node["oneOf"])
        del made["oneOf"]
    return {"anyOf": [made, {"type": "null"}]} if node.get("nullable") is True else made


def told_apart(discriminator, schemas):
    """One of several schemas, of which a property tells which it is: as it is mapped, or else by the schema's name. (Held
    against all of them, many a value would fit several: they say little of what they lack.)"""
    tag, named = discriminator["propertyName"], {one["$ref"].rsplit("/", 1)[1]: one["$ref"] for one in schemas}
    variants = discriminator.get("mapping", named)
    chosen = [{"if": {"properties": {tag: {"const": value}}}, "then": {"$ref": place}} for value, place in variants.items()]
    return {"required": [tag], "properties": {tag: {"enum": list(variants)}}, "allOf": chosen}


def fields(schema, schemas, place="", within=()):
    """The places of all fields of a schema, those of its parts and variants too. What it refers to is in `schemas`."""
    if not isinstance(schema, dict):
        return set()
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        if within.count(name) > 2:
            return set()
        schema, within = schemas[name], (*within, name)
    found = set()
    for name, inner in schema.get("properties", {}).items():
        found |= {f"{place}{name}"} | fields(inner, schemas, f"{place}{name}.", within)
    for part in (part for word in ("allOf", "oneOf", "anyOf") for part in schema.get(word, [])):
        found |= fields(part, schemas, place, within)
    return found | (fields(schema["items"], schemas, place, within) if "items" in schema else set())


LIMITS = ("minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum", "format")


def limits(document, schema, place="", within=()):
    """What a schema of a request limits, in all its variants: (place, word, value). What is read-only limits nothing."""
    if "$ref" in schema:
        if schema["$ref"] in within:
            return
        within += (schema["$ref"],)
        schema = {**resolve(document, schema), **{name: value for name, value in schema.items() if name != "$ref"}}
    if schema.get("readOnly"):
        return
    yield from ((place, word, schema[word]) for word in LIMITS if word in schema)
    mapped = [] if "oneOf" in schema else schema.get("discriminator", {}).get("mapping", {}).values()
    parts = [(place, {"$ref": one}) for one in mapped]
    parts += [(place, one) for word in ("allOf", "oneOf", "anyOf") for one in schema.get(word, [])]
    parts += [(f"{place}.{name}", one) for name, one in schema.get("properties", {}).items()]
    parts += [(f"{place}[]", schema["items"])] if "items" in schema else []
    for where, part in parts:
        yield from limits(document, part, where, within)


def limits_of_requests(document):
    """The limits of all that operations take: {(method, path): {(place, word, value), …}}."""
    found = {}
    for path, item in document["paths"].items():
        for method in ("get", "post", "put", "patch", "delete"):
            operation = item.get(method, {})
            given = [resolve(document, one) for one in [*item.get("parameters", []), *operation.get("parameters", [])]]
            schemas = [(f"{one['in']}:{one['name']}", one["schema"]) for one in given if "schema" in one]
            content = resolve(document, operation.get("requestBody", {})).get("content", {})
            schemas += [("body", media["schema"]) for media in content.values()]
            if operation:
                found[method.upper(), re.sub(r"\{[^}]*\}", "{}", path)] = {
                    one for place, schema in schemas for one in limits(document, schema, place)}
    return found


def resolve(document, node):
    while "$ref" in node:
        for step in ["#", *node["$ref"].split("/")[1:]]:
            node = document if step == "#" else node[step.replace("~1", "/").replace("~0", "~")]
    return node


class Reference:
    """The events of the reference, by trigger."""

    def __init__(self, document):
        self.document = document
        schemas = document["components"]["schemas"]
        self.events = {schema["title"]: name for name, schema in schemas.items() if ":" in str(schema.get("title"))}
        self.schemas = schemas
        resource = Resource.from_contents(modern(document), default_specification=DRAFT202012)
        self.registry = Registry().with_resource(NAME, resource)
        self.validators = {}

    def check(self, event):
        """Fails when an event is not as the reference says, or carries what the reference does not know."""
        problems = [f"{one.json_path}: {one.message}" for one in self.validator(event["type"]).iter_errors(event)]
        assert not problems, f"{event['type']}: not as the reference says: {problems}\n{event}"
        known = self.properties(self.schemas[self.events[event["type"]]])["payload"]
        unknown = set(event["payload"]) - set(self.properties(known)) - OURS
        assert not unknown, f"{event['type']}: the reference knows no {unknown}"

    def validator(self, kind):
        """What holds an event of this type against its schema (made once)."""
        if kind not in self.validators:
            schema = {"$ref": f"{NAME}#/components/schemas/{self.events[kind]}"}
            self.validators[kind] = Draft202012Validator(schema, registry=self.registry)
        return self.validators[kind]

    def properties(self, schema):
        """All properties of a schema, wherever its parts are."""
        if "$ref" in schema:
            schema = self.schemas[schema["$ref"].rsplit("/", 1)[1]]
        found = dict(schema.get("properties", {}))
        for part in schema.get("allOf", []):
            found |= self.properties(part)
        return found


@cache
def reference():
    """The reference, or None where it is not at hand."""
    if not FILE.exists():
        return None
    return Reference(yaml.load(FILE.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
