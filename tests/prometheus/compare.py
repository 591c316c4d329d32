"""Rules of Sluice and of Prometheus say the same of the same samples.

usage: compare.py SLUICE [--seed N] [--keep DIR]

Both see their samples at the same instants, STEP apart. `sluice rules test --json` tells when alerts fire and what windows
come to; that is what `promtool test rules` is told to expect. Windows have their left edge between two samples, because
Prometheus 2 takes in the sample on the edge, where Sluice and Prometheus 3 do not.

77: promtool is not installed, and SLUICE_REQUIRE_PROMETHEUS is not set.
"""

import argparse
import collections
import json
import math
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

STEP = 15  # Seconds, of samples and of evaluations.
SKIPPED = 77

# ------------------------------------------------------------------------------------------------------------- alerts

# `samples`: by key; None: there is none at that instant. `prometheus`: where it is known to say something else, the instants at which it
# fires, by key, and why.
Case = collections.namedtuple("Case", "name rule expr alert samples prometheus why")


def Alerts(name, rule, expr, samples, alert=None, prometheus=None, why=None):
    samples = samples if isinstance(samples, dict) else {"a": samples}
    return Case(name, rule, expr, alert or {}, samples, prometheus, why)


def Held(value, times):
    return [value] * times


def Cases(rng):
    flapping = [9, 1, 9, 9, 1, 1, 9, 9, 9, 1, 1, 1, 9, 9, 9, 9] + Held(1, 8)
    hot = {"when": "v > 5"}
    yield Alerts("plain", hot, "v > 5", {"a": flapping, "b": flapping[3:], "c": Held(1, 10)})
    for seconds in (15, 30, 45):
        yield Alerts(f"for_{seconds}", {**hot, "for": f"{seconds}s"}, "v > 5", flapping, {"for": f"{seconds}s"})
        keep = {"keep_firing_for": f"{seconds}s"}
        yield Alerts(f"keep_{seconds}", {**hot, **keep}, "v > 5", flapping, keep)
        both = {"for": f"{seconds}s", "keep_firing_for": "30s"}
        yield Alerts(f"for_{seconds}_keep_30", {**hot, **both}, "v > 5", flapping, both)
    # Between two evaluations: fires earlier than Prometheus can see, which makes no difference at the next one.
    yield Alerts("for_between", {**hot, "for": "20s"}, "v > 5", flapping, {"for": "20s"})
    for i in range(12):
        timing = {"for": f"{15 * rng.randrange(4)}s", "keep_firing_for": f"{15 * rng.randrange(4)}s"}
        samples = {key: [rng.choice((None, 1, 1, 1, 9, 9, 9)) for _ in range(80)] for key in "abc"}
        yield Alerts(f"flapping_{i}", {**hot, **timing}, "v > 5", samples, timing)

    wave = [50 + 40 * math.sin(i / 5) + rng.uniform(-5, 5) for i in range(80)]
    counter = Counter(rng, 80, 20)
    # Without `for` and `keep_firing_for`, because Sluice looks between two evaluations too, when a sample leaves the window.
    for name, function, than in (("avg", "avg_over_time", 60), ("min", "min_over_time", 40), ("max", "max_over_time", 70), ("sum", "sum_over_time", 250),
                                 ("stddev", "stddev_over_time", 11.5), ("last", "last_over_time", 60), ("delta", "delta", 20), ("deriv", "deriv", 0.31)):
        windows = {"when": f"{name}(v, 70s) > {than}", "min_samples": 2}
        yield Alerts(f"window_{name}", windows, f"{function}(v[70s]) > {than} and count_over_time(v[70s]) >= 2", wave)
    yield Alerts("window_rate", {"when": "rate(v, 70s) > 0.5", "min_samples": 2}, "rate(v[70s]) > 0.5", counter)
    some = [1 if rng.random() < 0.6 else None for _ in range(80)]
    # A window of Prometheus that is empty has no count, so fewer than 3 are 1 or 2; ours are counted from the first sample on.
    yield Alerts("window_count", {"when": "count(v, 70s) >= 3", "min_samples": 1}, "count_over_time(v[70s]) >= 3", [1] + some)
    yield Alerts("avg_for", {"when": "avg(v, 5m5s) > 60", "min_samples": 1, "for": "1m"}, "avg_over_time(v[5m5s]) > 60", [20] * 20 + [90] * 40 + [20] * 30,
                 {"for": "1m"})

    gone = Held(1, 5) + Held(None, 12) + Held(1, 3) + Held(None, 3) + Held(1, 2) + Held(None, 10)
    for name, timing in (("silent", {}), ("silent_keep", {"keep_firing_for": "45s"})):
        yield Alerts(name, {"absent_for": "70s", **timing}, 'absent_over_time(v{k="a"}[70s])', gone, timing)

    # A series that goes stale has no value for Prometheus; for Sluice what the last event said holds until something else is said.
    yield Alerts("stale", hot, "v > 5", [9, 9, "stale"] + Held(None, 5) + [1, 1], prometheus={"a": [0, 1]}, why="staleness")
    yield Alerts("unheard", hot, "v > 5", [9] + Held(None, 30) + [1], prometheus={"a": range(21)}, why="staleness after 5 minutes")
    # The 9 leaves the window at 95 s, which is between two evaluations of Prometheus; at the second there is another one.
    dip = [1, 9] + Held(1, 5) + Held(9, 13)
    yield Alerts("between", {"when": "max(v, 80s) > 5", "min_samples": 1, "for": "2m"}, "max_over_time(v[80s]) > 5", dip, {"for": "2m"},
                 prometheus={"a": range(9, 20)}, why="what happens between two evaluations")


# ------------------------------------------------------------------------------------------------------------- values

FUNCTIONS = {"avg": "avg_over_time", "min": "min_over_time", "max": "max_over_time", "sum": "sum_over_time", "count": "count_over_time",
             "last": "last_over_time", "stddev": "stddev_over_time", "delta": "delta", "rate": "rate", "deriv": "deriv"}
WINDOWS = (40, 70, 130, 310)


def Counter(rng, count, resets_after):
    value, values = rng.choice((0, 3, 1000)), []
    for _ in range(count):
        value = rng.choice((0, 0.5, 2, 30)) if rng.random() < 1 / resets_after else value + rng.choice((0, 0.25, 1, 7, 40))
        values.append(value)
    return values


def Gappy(rng, values, missing):
    return [value if rng.random() >= missing else None for value in values]


def Series(rng):
    count = 60
    yield [rng.gauss(20, 5) for _ in range(count)]
    yield Gappy(rng, [rng.gauss(-3e6, 1) for _ in range(count)], 0.3)
    yield Gappy(rng, [rng.choice((0, 0, 0.1, 1e-7)) for _ in range(count)], 0.15)
    yield Held(80.1, count)
    for resets_after in (4, 10, 30):
        for missing in (0, 0.2, 0.5):
            yield Gappy(rng, Counter(rng, count, resets_after), missing)


def PrometheusTwoRate(samples, window, now):
    """What it was before 2.51: the zero point before the threshold, so that it may be farther away than half a step.

    None: it makes no difference."""
    inside = [(at, value) for at, value in samples if now - window < at <= now]
    if len(inside) < 2:
        return None
    (first_at, first), (last_at, last) = inside[0], inside[-1]
    increase = last - first + sum(a for (_, a), (_, b) in zip(inside, inside[1:]) if b < a)
    sampled = last_at - first_at
    step = sampled / (len(inside) - 1)
    before, after = first_at - (now - window), now - last_at
    if increase <= 0 or first < 0 or before < 1.1 * step:
        return None
    to_zero = min(before, sampled * first / increase)
    if not step / 2 < to_zero < 1.1 * step:
        return None
    after = after if after < 1.1 * step else step / 2
    return increase * (sampled + to_zero + after) / sampled / window


# ------------------------------------------------------------------------------------------------------------- Sluice


class Scenario:
    """All rules in one configuration, each with topics of its own, and what comes in on them."""

    def __init__(self):
        self.rules = []
        self.steps = []

    def Add(self, rule):
        name = f"Rule{len(self.rules)}"
        self.rules.append({"alert": name, "match": name + "/{k}", "max_per_minute": 100000, **rule})
        return name

    def Show(self, name, key, instant, payload):
        self.steps.append({"at": f"{instant * STEP}s", "topic": f"{name}/{key}", "payload": payload})

    def Run(self, sluice, directory):
        config = {"sources": {"local": {"type": "mqtt", "url": "mqtt://127.0.0.1", "subscribe": {"#": {}}}},
                  "sinks": {"copy": {"type": "file", "path": "/dev/null"}}, "routes": [{"name": "all", "match": ["#", "$sluice/#"], "to": "copy"}],
                  "rules": self.rules}
        last = max(int(step["at"][:-1]) for step in self.steps)
        Write(directory, "sluice.json", config)
        # Nothing is expected: what comes is looked at here.
        path = Write(directory, "scenario.json", {"config": "sluice.json", "steps": self.steps + [{"at": f"{last + 3600}s"}]})
        run = subprocess.run([sluice, "rules", "test", "--json", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if run.returncode not in (0, 1) or run.stderr:
            sys.exit(f"sluice rules test: {run.stderr}")
        told = collections.defaultdict(list)
        for line in run.stdout.splitlines():
            at, alert = (json.loads(line)[name] for name in ("at_ms", "alert"))
            told[alert["labels"]["alertname"], alert["labels"]["k"]].append((at / 1000, alert["status"] == "firing", alert["value"]))
        return told


def Write(directory, name, document):
    path = os.path.join(directory, name)
    with open(path, "w") as f:
        json.dump(document, f, indent=1)
    return path


def Firing(told, instants):
    """The instants at which the alert fires, of what was told of it."""
    def Is(at):
        before = [firing for when, firing, _ in told if when <= at]
        return bool(before) and before[-1]
    return [i for i in range(instants) if Is(i * STEP)]


# ---------------------------------------------------------------------------------------------------------- promtool


def Version():
    text = subprocess.run(["promtool", "--version"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True).stdout
    return tuple(int(part) for part in re.search(r"version (\d+)\.(\d+)", text).groups())


def InputSeries(key, samples):
    return {"series": f'v{{k="{key}"}}', "values": " ".join("_" if v is None else v if isinstance(v, str) else repr(float(v)) for v in samples)}


def Test(name, series, **tests):
    return {"name": name, "interval": f"{STEP}s", "input_series": series, **tests}


def AlertTest(case, name, fires, instants):
    """`fires`: by key, the instants."""
    tests = []
    for i in range(instants):
        expected = [{"exp_labels": {"k": key}} for key in case.samples if i in fires[key]]
        tests.append({"eval_time": f"{i * STEP}s", "alertname": name, "exp_alerts": expected})
    return Test(case.name, [InputSeries(key, samples) for key, samples in case.samples.items()], alert_rule_test=tests)


def ValueTest(expr, values, scale, at):
    """`values`: it is one of these. `scale`: how large the numbers are that it is made of."""
    if not values:
        return {"expr": expr, "eval_time": f"{int(at)}s", "exp_samples": []}
    near = " or ".join(f"(abs(({expr}) - ({value!r})) <= {1e-9 * abs(value) + 1e-12 * scale!r})" for value in values)
    return {"expr": f"count({near})", "eval_time": f"{int(at)}s", "exp_samples": [{"labels": "{}", "value": 1}]}


# -------------------------------------------------------------------------------------------------------- comparing


def CompareAlerts(cases, sluice, directory):
    scenario = Scenario()
    names = []
    for case in cases:
        name = scenario.Add(case.rule)
        names.append(name)
        for key, samples in case.samples.items():
            for i, value in enumerate(samples):
                if not (value is None or isinstance(value, str)):
                    scenario.Show(name, key, i, {"v": value})
    told = scenario.Run(sluice, directory)
    rules = [{"alert": name, "expr": case.expr, **case.alert} for case, name in zip(cases, names)]
    Write(directory, "rules.json", {"groups": [{"name": "all", "interval": f"{STEP}s", "rules": rules}]})
    tests, fired = [], 0
    for case, name in zip(cases, names):
        instants = max(len(samples) for samples in case.samples.values())
        ours = {key: Firing(told[name, key], instants) for key in case.samples}
        theirs = {key: list(case.prometheus.get(key, [])) for key in case.samples} if case.prometheus else ours
        if case.prometheus and ours == theirs:
            sys.exit(f"{case.name}: Sluice says the same as Prometheus; it was known to differ by {case.why}")
        fired += sum(len(instants) for instants in ours.values())
        tests.append(AlertTest(case, name, theirs, instants))
    print(f"{len(cases)} rules, which fire at {fired} of their evaluations; {sum(1 for case in cases if case.prometheus)} known to differ")
    return {"rule_files": ["rules.json"], "evaluation_interval": f"{STEP}s", "tests": tests}


def CompareValues(series, sluice, directory, version):
    scenario = Scenario()
    asked = []
    # Fires at every other instant and is over at the next one: its value is told at each.
    for samples in series:
        for function in FUNCTIONS:
            for window in WINDOWS:
                value = f"{function}(v, {window}s)"
                name = scenario.Add({"when": f"({value} IS NULL OR {value} IS NOT NULL) AND flip = 1", "min_samples": 1})
                asked.append((name, samples, function, window))
                for i, sample in enumerate(samples):
                    scenario.Show(name, "a", i, {"flip": 1 - i % 2} if sample is None else {"flip": 1 - i % 2, "v": sample})
    told = scenario.Run(sluice, directory)
    tests = []
    compared = collections.Counter()
    for name, samples, function, window in asked:
        scale = max([1.0] + [abs(v) for v in samples if v is not None]) * (len(samples) if function == "sum" else 1)
        expr = f"{FUNCTIONS[function]}(v[{window}s])"
        values = told[name, "a"]
        if [at for at, _, _ in values] != [i * STEP for i in range(len(samples))]:
            sys.exit(f"{expr}: Sluice does not tell a value at each instant")
        timed = [(i * STEP, v) for i, v in enumerate(samples) if v is not None]
        expected = []
        for at, _, value in values:
            # Of a window without samples there is no count in Prometheus.
            one_of = [] if value is None or (function == "count" and value == 0) else [value]
            other = PrometheusTwoRate(timed, window, at) if function == "rate" else None
            if other is not None and version < (2, 43):
                one_of = [other]
            elif other is not None and version < (3, 0):
                one_of.append(other)
            if other is not None:
                compared["rates that Prometheus before 2.51 extrapolates farther"] += 1
            compared["values" if one_of else "without a value"] += 1
            expected.append(ValueTest(expr, one_of, scale, at))
        tests.append(Test(f"{name}: {expr}", [InputSeries("a", samples)], promql_expr_test=expected))
    print(", ".join(f"{count} {what}" for what, count in compared.items()))
    return {"evaluation_interval": f"{STEP}s", "tests": tests}


def Judge(directory, name, document):
    path = Write(directory, name, document)
    run = subprocess.run(["promtool", "test", "rules", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if run.returncode != 0:
        print(run.stdout[:20000])
        print(f"FAIL {path}")
    return run.returncode == 0


def Main():
    parser = argparse.ArgumentParser()
    parser.add_argument("sluice")
    parser.add_argument("--seed", type=int, default=int(os.environ.get("SLUICE_SEED", "0")) or random.randrange(1, 1 << 31))
    parser.add_argument("--keep", help="leave what was given to both in this directory")
    arguments = parser.parse_args()
    if shutil.which("promtool") is None:
        required = bool(os.environ.get("SLUICE_REQUIRE_PROMETHEUS"))
        print("promtool is not installed (packaging/install-deps --tests): nothing was compared")
        return 1 if required else SKIPPED
    version = Version()
    print(f"seed {arguments.seed}, Prometheus {version[0]}.{version[1]}")
    rng = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as temporary:
        directory = arguments.keep or temporary
        os.makedirs(directory, exist_ok=True)
        good = Judge(directory, "alerts.json", CompareAlerts(list(Cases(rng)), arguments.sluice, directory))
        good &= Judge(directory, "values.json", CompareValues(list(Series(rng)), arguments.sluice, directory, version))
    if not good:
        print(f"again with: tests/prometheus/compare.py {arguments.sluice} --seed {arguments.seed} --keep DIR")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(Main())
