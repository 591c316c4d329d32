"""The published JSON Schema accepts the published examples and refuses what an editor should underline."""

import copy
import glob
import json
import os
import re
import sys

import jsonschema

CONFIG = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "config")


def Read(name):
    with open(os.path.join(CONFIG, name)) as f:
        return json.loads(re.sub(r"^\s*//.*$", "", f.read(), flags=re.M))


schema = Read("sluice.schema.json")
jsonschema.Draft7Validator.check_schema(schema)
validator = jsonschema.Draft7Validator(schema)
for name in sorted(glob.glob("examples/**/*.json", root_dir=CONFIG, recursive=True)):
    if not name.endswith(".scenario.json"):
        validator.validate(Read(name))

plant = Read("examples/plant.json")
for path, value in [("outbox/max_byte", "1GiB"), ("outbox/commit_every", "soon"), ("sources/local/retained", "twice"), ("sinks/cloud/type", "kafak"),
                    ("routes/0/too", "copy"), ("sources/local/subscribe/a", {"qos": 3}), ("sinks/copy/brokers", "k:1"),
                    ("sinks/lake/auth/profile", "p"), ("sinks/lake/auth/type", "environment"), ("sinks/lake/stream", "a/b"), ("sinks/cloud/auth/region", "eu-central-1"), ("sinks/cloud/auth/mechanism", "AWS_MSK_IAM"),
                    ("rules/0/alert", "Press hot"), ("rules/0/keep_firing", "1m"), ("rules/0/absent_for", "5m"), ("rules/0/expect", [{"press": "1"}]),
                    ("rules/0/inputs/t_avg", 3), ("rules/0/inputs/t_avg", {"value": "temp", "stale_after": "1m"}), ("rules/0/labels/alertname", "x"),
                    ("rules/0/annotations/a-b", "x")]:
    bad = copy.deepcopy(plant)
    at = bad
    for token in path.split("/")[:-1]:
        at = at[int(token)] if isinstance(at, list) else at[token]
    at[path.split("/")[-1]] = value
    if validator.is_valid(bad):
        sys.exit(f"the schema accepts /{path} = {value!r}")

plant["sinks"]["cloud"]["auth"] = {"mechanism": "AWS_MSK_IAM", "region": "eu-central-1", "credentials": plant["sinks"]["lake"]["auth"]}
validator.validate(plant)
