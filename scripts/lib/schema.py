"""schema.py GATHERD: whether the JSON Schema that the program prints says what its reader does, by PyPI's jsonschema.

Whatever the program reads without an error has to be valid: the configurations in config/ and in the tests. What it complains of has to be
invalid, as far as a schema can know: an unknown key, a value of the wrong kind, a key that is missing.
"""
import json
import pathlib
import re
import subprocess
import sys

import jsonschema
from ruamel.yaml import YAML

ROOT = pathlib.Path(__file__).resolve().parents[2]
# What a schema can know. A duration or a size out of its range is a text like any other to it.
KNOWABLE = re.compile(r"unknown key|: expected |the key '[a-z_]+' is missing|has no unit|is not a value of this key|is not a unit of"
                      r"|the call has no method|a call has one method")


# Braces without quotes are a mapping to a schema, with a key that has no value.
QUOTES = "write the reference in quotes"


def read(path):
    """The first document as YAML 1.2 has it; None if it cannot be read."""
    try:
        return YAML(typ="safe", pure=True).load(path.read_text())
    except Exception:  # noqa: BLE001: whatever a parser says of a file that is no YAML
        return None


def main():
    schema = json.loads(subprocess.run([sys.argv[1], "schema"], check=True, capture_output=True, text=True).stdout)
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)
    problems, valid, invalid = [], 0, 0
    messages = ROOT / "Tests/GatherConfigTests/Messages"
    for path in sorted([*(ROOT / "config").rglob("*.yaml"), *messages.rglob("*.yaml")]):
        document = read(path)
        if not isinstance(document, dict) or not {"version", "endpoints"} & document.keys():
            continue
        expected = path.with_suffix(".expected")
        said = expected.read_text() if expected.exists() else ""
        if messages not in path.parents and "version" not in document:
            continue
        error = jsonschema.exceptions.best_match(validator.iter_errors(document))
        if not said or ": warning: " in said:
            valid += 1
            if error:
                problems.append(f"{path.relative_to(ROOT)}: is read, and invalid: {error.json_path}: {error.message[:200]}")
        elif any(KNOWABLE.search(line) and QUOTES not in line for line in said.splitlines()):
            invalid += 1
            if not error:
                problems.append(f"{path.relative_to(ROOT)}: is valid, but: {said.splitlines()[0]}")
    print("\n".join(problems) or f"schema: {valid} files that are read are valid, {invalid} with an error that it can know are not")
    return 1 if problems or valid < 10 or invalid < 20 else 0


if __name__ == "__main__":
    sys.exit(main())
