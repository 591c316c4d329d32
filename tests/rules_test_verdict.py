"""`sluice rules test`: 0 if all is as expected, 1 and the difference if not, 2 if a scenario cannot be run."""

import json
import os
import subprocess
import sys
import tempfile

SLUICE = sys.argv[1]
CONFIG = os.path.join(os.path.dirname(os.path.abspath(__file__)), "scenarios", "config", "states.json")
HOT = {"at": "10s", "topic": "s/instant/1", "payload": {"temp": 81}}
FIRES = {"at": "10s", "alert": "Instant", "status": "firing", "labels": {"id": "1"}, "value": 81}


def Run(*scenarios):
    """Exit code, and what was said."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for number, scenario in enumerate(scenarios):
            paths.append(os.path.join(folder, f"{number}.json"))
            with open(paths[-1], "w") as file:
                file.write(scenario if isinstance(scenario, str) else json.dumps(scenario))
        done = subprocess.run([SLUICE, "rules", "test", *paths], capture_output=True, text=True, timeout=30)
        return done.returncode, done.stdout, done.stderr


def Scenario(steps, expect, **others):
    return {"description": "d", "config": CONFIG, "steps": steps, "expect": expect, **others}


def Expect(is_so, *said):
    if not is_so:
        sys.exit("\n".join(str(one) for one in said))


GOOD = Scenario([HOT], [FIRES])
code, out, err = Run(GOOD)
Expect(code == 0 and "1 of 1 scenarios as expected" in out and "- " not in out, code, out, err)

# One alert that is too much, one that is missing, and each thing in which one may differ.
for wrong, lines in [
    (Scenario([HOT], []), ["     + 10s  Instant firing "]),
    (Scenario([], [FIRES]), ["     - 10s  Instant firing "]),
    (Scenario([HOT], [FIRES | {"at": "10001ms"}]), ["     - 10s1ms  Instant firing ", "     + 10s  Instant firing "]),
    (Scenario([HOT], [FIRES | {"alert": "Held"}]), ["     - 10s  Held firing ", "     + 10s  Instant firing "]),
    (Scenario([HOT], [FIRES | {"status": "resolved"}]), ["     - 10s  Instant resolved ", "     + 10s  Instant firing "]),
    (Scenario([HOT], [FIRES | {"labels": {"id": "2"}}]), ['     - 10s  Instant firing  {"labels":{"id":"2"}', '     + 10s  Instant firing  {"labels":{"id":"1"}']),
    (Scenario([HOT], [FIRES | {"value": 82}]), ['"value":82', '"value":81']),
    (Scenario([HOT], [FIRES | {"reason": "forgotten"}]), ["     - ", "     + "]),
    (Scenario([HOT], [FIRES | {"annotations": {"summary": "x"}}]), ["     - ", "     + "]),
]:
    code, out, err = Run(wrong)
    Expect(code == 1 and "FAIL" in out and all(line in out for line in lines), wrong, code, out, err)

code, out, err = Run(GOOD, Scenario([HOT], []), GOOD)
Expect(code == 1 and "2 of 3 scenarios as expected" in out, code, out, err)

for broken, said in [
    ("{", "parse error"),
    ("[]", "an object"),
    (Scenario([{"at": "10s", "topik": "a", "payload": 1}], []), "steps/0: the key `topik`"),
    (Scenario([HOT, {"at": "soon"}], []), "steps/1: at: "),
    (Scenario([{"at": "10s", "topic": "a"}], []), "steps/0: an event has a `payload`"),
    (Scenario([HOT | {"times": 3}], []), "steps/0: `times` wants `every`"),
    (Scenario([{"at": "10s", "restart": "reboot"}], []), "steps/0: `restart` is"),
    (Scenario([{"at": "10s", "clock": "1h"}], []), "steps/0: `clock` is"),
    (Scenario([{"at": "10s", "connection": "gone"}], []), "steps/0: `connection` is"),
    (Scenario([{"at": "10s", "topic": "a", "payload_hex": "0z"}], []), "steps/0: `payload_hex` has"),
    (Scenario([{"at": "10s", "topic": "a", "payload_hex": "000"}], []), "steps/0: `payload_hex` has"),
    (Scenario([], [{"at": "10s", "alarm": "Instant"}]), "expect/0: the key `alarm`"),
    (Scenario([], [], config="not/there.json"), "there.json"),
]:
    code, out, err = Run(broken)
    Expect(code == 2 and said in err, broken, code, out, err)
code, out, err = Run("{", GOOD)
Expect(code == 2 and "1 of 2 scenarios as expected" in out, code, out, err)
