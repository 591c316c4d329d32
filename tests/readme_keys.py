"""The README's reference of the configuration is what `sluice config keys` prints.

usage: readme_keys.py SLUICE [--write]

Without --write it only compares.
"""

import os
import subprocess
import sys

README = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "README.md")
BEGIN = "<!-- From here on made by `sluice config keys`. -->\n"
END = "<!-- Up to here. -->\n"

sluice = sys.argv[1]
keys = subprocess.run([sluice, "config", "keys"], stdout=subprocess.PIPE, text=True, check=True).stdout
with open(README) as f:
    text = f.read()
before, begin, rest = text.partition(BEGIN)
_, end, after = rest.partition(END)
if not begin or not end:
    sys.exit(f"README.md has no lines {BEGIN.strip()} and {END.strip()}")
fresh = f"{before}{BEGIN}\n{keys}\n{END}{after}"
if "--write" in sys.argv[2:]:
    with open(README, "w") as f:
        f.write(fresh)
elif fresh != text:
    sys.exit(f"README.md: the reference of keys is not what the schema says; refresh it with: python3 tests/readme_keys.py {os.path.relpath(sluice)} --write")
