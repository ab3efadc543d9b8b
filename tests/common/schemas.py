# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Whether JSON is what docs/schema/ says, no key more."""

import json
import pathlib

SCHEMAS = pathlib.Path(__file__).resolve().parents[2] / "docs" / "schema"


def load(name):
    return json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))


def strict(schema):
    """The schema, to which a key that it does not name is a fault."""
    if isinstance(schema, dict):
        schema = {key: strict(value) for key, value in schema.items()}
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
    elif isinstance(schema, list):
        schema = [strict(one) for one in schema]
    return schema


def faults(jsonschema, name, printed):
    """What is wrong with it, as texts; jsonschema is that package."""
    schema = load(name)
    jsonschema.Draft202012Validator.check_schema(schema)
    checker = jsonschema.Draft202012Validator(strict(schema))
    return [f"{fault.json_path}: {fault.message[:200]}" for fault in checker.iter_errors(printed)]
