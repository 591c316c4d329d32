"""What a package is made of agrees with the rest of the tree: its version, its libraries, its service, its manual, its completions.

usage: files_test.py SLUICE
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SLUICE = os.path.abspath(sys.argv[1])


def Read(*path):
    with open(os.path.join(*path), encoding="utf-8") as f:
        return f.read()


def Require(condition, what):
    if not condition:
        raise AssertionError(what)


def VersionIsThePrograms(made):
    changelog = re.match(r"sluice \((.*?)\) ", Read(ROOT, "packaging/debian/changelog"))[1]
    told = subprocess.run([SLUICE, "version"], check=True, capture_output=True, text=True).stdout.split()[-1]
    Require(changelog == told, f"changelog {changelog}, program {told}")
    subprocess.run([os.path.join(ROOT, "packaging/same-version"), os.path.join(ROOT, "CMakeLists.txt"), changelog], check=True)


def BuildDependsAreTheLibraries(made):
    wanted = set(re.search(r"^build=\((.*?)\)", Read(ROOT, "packaging/install-deps"), re.S | re.M)[1].split())
    control = re.search(r"^Build-Depends:(.*?)^\S", Read(ROOT, "packaging/debian/control"), re.S | re.M)[1]
    named = {re.split(r"[ :]", entry.strip())[0] for entry in control.split(",") if entry.strip()}
    # Debian's builds have the compiler, and need more than ours.
    Require(wanted - named <= {"g++"}, f"not in debian/control: {wanted - named}")
    Require(named - wanted <= {"debhelper-compat", "python3", "qemu-user-static"}, f"not in install-deps: {named - wanted}")


def ExampleHasNoMistakes(made):
    told = subprocess.run([SLUICE, "check", os.path.join(ROOT, "packaging/sluice.json")], capture_output=True, text=True)
    Require(told.returncode == 0 and not told.stderr, told.stdout + told.stderr)


def ServiceIsConfined(made):
    if not shutil.which("systemd-analyze"):
        return "no systemd-analyze here"
    unit = os.path.join(ROOT, "packaging/sluice.service")
    told = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=15", unit], capture_output=True, text=True)
    score = re.search(r"exposure level for .*: ([0-9.]+)", told.stdout)
    Require(told.returncode == 0 and score, told.stdout[-300:] + told.stderr)
    return "exposure " + score[1]


def ServiceOutlastsTheDaemonsStop(made):
    unit = Read(ROOT, "packaging/sluice.service")
    limit = int(re.search(r"--stop-limit .*=(\d+)", subprocess.run([SLUICE, "run", "--help"], check=True, capture_output=True, text=True).stdout)[1])
    seconds = int(re.search(r"^TimeoutStopSec=(\d+)s$", unit, re.M)[1])
    Require(seconds >= limit + 15 + 10, f"TimeoutStopSec={seconds}s; the daemon takes up to {limit} + 15 s")


def ManualHasNoWarnings(made):
    if not shutil.which("groff"):
        return "no groff here"
    for page in ("sluice.1", "sluice.json.5"):
        told = subprocess.run(["groff", "-man", "-Tutf8", "-K", "utf8", "-ww", "-z", os.path.join(made, page)], capture_output=True, text=True)
        Require(told.returncode == 0 and not told.stderr, f"{page}: {told.stderr[:500]}")


def ManualTellsEveryKey(made):
    keys = subprocess.run([SLUICE, "config", "keys"], check=True, capture_output=True, text=True).stdout
    names = re.findall(r"^\| `([^`]*)` \|", keys, re.M)
    page = Read(made, "sluice.json.5").replace("\\-", "-").replace("\\(ti", "~")
    missing = [name for name in names if f"\\fB{name}\\fR" not in page]
    Require(len(names) > 100 and not missing, f"{len(names)} keys, not in the manual: {missing}")
    return f"{len(names)} keys"


def Words(path):
    """Verbs and options of a level, read from its help in another way than packaging/manual.py does."""
    told = subprocess.run([SLUICE, *path, "--help"], check=True, capture_output=True, text=True).stdout
    verbs, section = [], ""
    for line in told.splitlines():
        section = line if line and not line.startswith(" ") else section
        if section == "Subcommands:" and re.match(r"  \w", line):
            verbs.append(line.split()[0])
    return verbs, re.findall(r"^  (?:-\w,)?(--[\w-]+)", told, re.M)


def CompletionsNameEveryWord(made):
    count = 0

    def Walk(path):
        nonlocal count
        verbs, options = Words(path)
        # bash is asked what it would offer after these words.
        script = (f"source {made}/sluice.bash; compopt() {{ :; }}; COMP_WORDS=(sluice {' '.join(path)} ''); COMP_CWORD={len(path) + 1}; _sluice; "
                  "printf '%s\\n' \"${COMPREPLY[@]}\"; COMP_WORDS[COMP_CWORD]=--; _sluice; printf '%s\\n' \"${COMPREPLY[@]}\"")
        offered = set(subprocess.run(["bash", "-c", script], check=True, capture_output=True, text=True, cwd=made).stdout.split())
        Require(set(verbs) | set(options) <= offered, f"bash, after sluice {' '.join(path)}: {set(verbs) | set(options)} - {offered}")
        for shell, option in (("_sluice", "{}["), ("sluice.fish", "-l {} ")):
            text = Read(made, shell)
            for word in options:
                Require(option.format(word if shell == "_sluice" else word[2:]) in text, f"{shell}: no {word}")
            for verb in verbs:
                Require(f"'{verb}:" in text if shell == "_sluice" else f"-a {verb} " in text, f"{shell}: no {verb}")
        count += len(verbs) + len(options)
        for verb in verbs:
            Walk([*path, verb])

    Walk([])
    Require(count > 30, f"only {count} words")
    for shell, name in (("zsh", "_sluice"), ("fish", "sluice.fish")):
        if shutil.which(shell):
            subprocess.run([shell, "-n", os.path.join(made, name)], check=True)
    return f"{count} words"


CHECKS = [VersionIsThePrograms, BuildDependsAreTheLibraries, ExampleHasNoMistakes, ServiceIsConfined, ServiceOutlastsTheDaemonsStop, ManualHasNoWarnings,
          ManualTellsEveryKey, CompletionsNameEveryWord]


def main():
    failed = 0
    with tempfile.TemporaryDirectory() as made:
        subprocess.run([sys.executable, os.path.join(ROOT, "packaging/manual.py"), SLUICE, made], check=True)
        for check in CHECKS:
            try:
                detail, outcome = check(made), "PASS"
            except (AssertionError, subprocess.SubprocessError, OSError, TypeError) as error:
                detail, outcome = error, "FAIL"
                failed += 1
            print(outcome, check.__name__, f"[{detail}]" if detail else "")
    print(f"{len(CHECKS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
