"""`sluice check` has nothing to say about the worked examples of rules, and each has its scenario."""

import os
import subprocess
import sys

sluice, configs = sys.argv[1], sys.argv[2:]
if not configs:
    sys.exit("there are no examples")
for config in configs:
    check = subprocess.run([sluice, "check", config], capture_output=True, text=True)
    said = check.stdout + check.stderr
    if check.returncode != 0 or "warning" in said:
        sys.exit(f"{config}: exit {check.returncode}\n{said}")
    if not os.path.exists(config.removesuffix(".json") + ".scenario.json"):
        sys.exit(f"{config} has no scenario")
