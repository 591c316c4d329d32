"""Makes the manual pages and the shell completions of what the program says of itself, so that they cannot tell anything else.

    python3 packaging/manual.py [--run EMULATOR] PROGRAM OUTPUT_DIR

Writes sluice.1, sluice.json.5, sluice.bash, _sluice (zsh) and sluice.fish. `--help` of every verb gives verbs and options, `config keys` the keys
of the configuration; what is more to say of the program stands in packaging/sluice.1.in.
"""

import argparse
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


class Option:
    def __init__(self, names, value, text):
        self.names, self.value, self.text = names, value, text


class Verb:
    """One level of the command line: `sluice`, `sluice rules`, `sluice rules list`."""

    def __init__(self, path, text):
        self.path, self.text = path, text
        self.usage, self.footer = "", ""
        self.examples = []
        self.positionals, self.options, self.verbs = [], [], []

    def All(self):
        yield self
        for verb in self.verbs:
            yield from verb.All()


def Entries(lines):
    """(left, right) of a section of the help: two columns, the right one on the next line where the left is long."""
    entries = []
    for line in lines:
        if re.match(r"^  \S", line):
            parts = re.split(r"  +", line.strip(), maxsplit=1)
            entries.append([parts[0], parts[1] if len(parts) > 1 else ""])
        elif entries:
            entries[-1][1] = (entries[-1][1] + " " + line.strip()).strip()
    return entries


def ReadOption(left, text):
    names, _, value = left.partition(" ")
    # What may stand beside it instead of a value: `--all Excludes: ids`.
    if value.startswith(("Excludes:", "Needs:")):
        value = ""
    return Option(names.split(","), value, text)


def ReadHelp(ask, path=(), text=""):
    verb = Verb(path, text)
    sections, current = {}, "about"
    for line in ask(*path, "--help").splitlines():
        heading = re.match(r"^(Positionals|Options|Subcommands):$", line)
        if heading:
            current = heading[1]
        elif line and not line.startswith(" ") and current != "about":
            current = "footer"
        if not heading:
            sections.setdefault(current, []).append(line)
    for line in sections["about"]:
        if line.startswith("Usage: "):
            verb.usage = line[len("Usage: "):]
        elif line and not verb.text:
            verb.text = line
    footer = [line for line in sections.get("footer", []) if line]
    verb.footer = " ".join(line for line in footer if not line.startswith("  "))
    verb.examples = [line.strip() for line in footer if line.startswith("  ")]
    verb.positionals = [ReadOption(*entry) for entry in Entries(sections.get("Positionals", []))]
    verb.options = [ReadOption(*entry) for entry in Entries(sections.get("Options", []))]
    verb.verbs = [ReadHelp(ask, path + (name,), about) for name, about in Entries(sections.get("Subcommands", []))]
    return verb


# ---- manual pages

def Roff(text):
    """Text as roff prints it."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga").replace("^", "\\(ha").replace("~", "\\(ti")
    return "\\&" + text if text.startswith(".") else text


def Markdown(text):
    """What of Markdown the tables use: code becomes bold."""
    pieces = re.split(r"`([^`]*)`", text)
    return "".join(f"\\fB{Roff(piece)}\\fR" if i % 2 else Roff(piece) for i, piece in enumerate(pieces))


def WithoutExcess(value):
    """CLI11 names types, and some twice: `TEXT=/etc/...`, `INT:INT in [0 - 3600]=5`."""
    kind, _, default = value.partition("=")
    within = re.search(r"in \[.*?\]", kind)
    required = " REQUIRED" in kind
    return re.split(r"[: ]", kind)[0].lower(), (within[0][3:] if within else ""), default.replace(" REQUIRED", ""), required


def OptionRoff(option, positional=False):
    kind, within, default, _ = WithoutExcess(option.value)
    names = ", ".join(f"\\fB{Roff(name)}\\fR" for name in option.names)
    if positional:
        names = f"\\fI{Roff(option.names[0])}\\fR"
    elif kind:
        names += f" \\fI{kind}\\fR"
    text = Roff(option.text)
    notes = [note for note in (f"from {within.strip('[]').replace(' - ', ' to ')}" if within else "", f"default {default}" if default else "") if note]
    if notes:
        text += f" ({Roff(', '.join(notes))})"
    return f".TP\n{names}\n{text}.\n" if not text.endswith(".") else f".TP\n{names}\n{text}\n"


def Footer(verb):
    out = f".PP\n{Roff(verb.footer)}\n" if verb.footer else ""
    if verb.examples:
        out += ".RS\n.nf\n" + "".join(f"{Roff(line)}\n" for line in verb.examples) + ".fi\n.RE\n"
    return out


def VerbRoff(verb):
    out = f".SS \"{Roff(' '.join(('sluice',) + verb.path))}\"\n{Roff(verb.text)}.\n"
    if verb.verbs:
        return out + Footer(verb)
    out += f".PP\n.nf\n\\fB{Roff(verb.usage)}\\fR\n.fi\n"
    for option in verb.positionals:
        out += OptionRoff(option, positional=True)
    for option in verb.options:
        if "--help" not in option.names:
            out += OptionRoff(option)
    return out + Footer(verb)


def ProgramPage(root, version):
    with open(os.path.join(HERE, "sluice.1.in"), encoding="utf-8") as f:
        page = f.read()
    commands = "".join(VerbRoff(verb) for verb in root.All() if verb.path)
    return page.replace("@VERSION@", version).replace("@COMMANDS@\n", commands).replace("@EXIT_STATUS@", Roff(root.footer))


def KeysPage(markdown, version):
    out = [f'.TH SLUICE.JSON 5 "" "sluice {version}" "File formats"', ".SH NAME", "sluice.json \\- configuration of sluice(1)", ".SH DESCRIPTION"]
    row = re.compile(r"(?<!\\)\|")
    for line in markdown.splitlines():
        if line.startswith("#"):
            out.append(f'.SH "{Markdown(line.lstrip("# "))}"')
        elif line.startswith("| key ") or line.startswith("|---"):
            continue
        elif line.startswith("|"):
            key, values, default, meaning = (cell.strip().replace("\\|", "|") for cell in row.split(line)[1:5])
            note = values if not default else f"{values}; {'required' if default == 'required' else 'default: ' + default}"
            out += [".TP", Markdown(key), Markdown(f"({note}) {meaning}")]
        elif line.strip():
            out += [".PP", Markdown(line)]
    out += [".SH FILES", ".TP", "\\fI/etc/sluice/sluice.json\\fR", "The configuration.", ".TP", "\\fI/etc/sluice/conf.d/*.json\\fR",
            "Parts of it, read in the order of their names.", ".TP", "\\fI/etc/sluice/rules.d/*.json\\fR", "Alert rules.", ".TP",
            "\\fI/usr/share/doc/sluice/examples/\\fR", "Examples.", ".SH \"SEE ALSO\"", "sluice(1)"]
    return "\n".join(out) + "\n"


# ---- completions

FILES = {"file", "files", "payload", "--config", "--socket", "--output", "--state-dir", "--from", "--to-file"}


def TakesFile(names):
    return any(name in FILES for name in names)


def BashCompletion(root):
    lines = ["# Made by packaging/manual.py of what `sluice --help` says.", "_sluice() {",
             '  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} verb="" i', "  COMPREPLY=()",
             "  for ((i = 1; i < COMP_CWORD; i++)); do", '    case "${verb# } ${COMP_WORDS[i]}" in']
    for verb in root.All():
        if verb.path:
            lines.append(f'      "{" ".join(verb.path[:-1])} {verb.path[-1]}") verb="{" ".join(verb.path)}" ;;')
    lines += ["    esac", "  done", '  case "$before" in']
    valued = [option for verb in root.All() for option in verb.options if option.value]
    files = sorted({name for option in valued if TakesFile(option.names) for name in option.names})
    words = sorted({name for option in valued for name in option.names} - set(files))
    lines += [f'    {"|".join(files)}) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;',
              f'    {"|".join(words)}) return ;;', "  esac", '  case "$verb" in']
    for verb in root.All():
        choices = [child.path[-1] for child in verb.verbs] + [name for option in verb.options for name in option.names]
        more = ' -f' if any(TakesFile(p.names) for p in verb.positionals) else ""
        dash = 'if [[ $word != -* ]]; then compopt -o filenames; fi; ' if more else ""
        lines.append(f'    "{" ".join(verb.path)}") {dash}mapfile -t COMPREPLY < <(compgen{more} -W "{" ".join(choices)}" -- "$word") ;;')
    return "\n".join(lines + ["  esac", "}", "complete -F _sluice sluice"]) + "\n"


def ZshQuoted(text):
    return text.replace("'", "'\\''").replace("[", "\\[").replace("]", "\\]").replace(":", "\\:")


def ZshFunction(verb):
    name = "_".join(("_sluice",) + verb.path).replace("-", "_")
    lines = [f"{name}() {{"]
    arguments = []
    for option in verb.options:
        value = "" if not option.value else (":file:_files" if TakesFile(option.names) else ":value: ")
        for each in option.names:
            others = " ".join(option.names)
            arguments.append(f"'({others}){each}[{ZshQuoted(option.text)}]{value}'")
    if verb.verbs:
        lines += ["  local -a verbs", "  verbs=("] + [f"    '{child.path[-1]}:{ZshQuoted(child.text)}'" for child in verb.verbs] + ["  )"]
        lines += ["  local state", "  _arguments -C " + " ".join(arguments) + " '1: :->verb' '*:: :->rest'", "  case $state in",
                  "    verb) _describe verb verbs ;;", "    rest)", "      case $words[1] in"]
        for child in verb.verbs:
            lines.append(f"        {child.path[-1]}) {'_'.join(('_sluice',) + child.path).replace('-', '_')} ;;")
        lines += ["      esac ;;", "  esac"]
    else:
        for positional in verb.positionals:
            arguments.append(f"'*:{positional.names[0]}:{'_files' if TakesFile(positional.names) else ' '}'")
            break
        lines.append("  _arguments " + " ".join(arguments))
    return "\n".join(lines + ["}"])


def ZshCompletion(root):
    return "#compdef sluice\n# Made by packaging/manual.py of what `sluice --help` says.\n" + "\n".join(map(ZshFunction, root.All())) + '\n_sluice "$@"\n'


def FishCompletion(root):
    quote = lambda text: "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
    lines = ["# Made by packaging/manual.py of what `sluice --help` says.", "complete -c sluice -f"]
    for verb in root.All():
        seen = " ".join(f"__fish_seen_subcommand_from {word};" for word in verb.path).replace("; __fish", "; and __fish").rstrip(";")
        children = " ".join(child.path[-1] for child in verb.verbs)
        none = f"not __fish_seen_subcommand_from {children}" if children else ""
        condition = "; and ".join(part for part in (seen, none) if part)
        for child in verb.verbs:
            lines.append(f"complete -c sluice -n {quote(condition)} -a {child.path[-1]} -d {quote(child.text)}")
        for option in verb.options:
            names = " ".join(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names)
            value = "" if not option.value else (" -r -F" if TakesFile(option.names) else " -x")
            lines.append(f"complete -c sluice -n {quote(condition)} {names}{value} -d {quote(option.text)}")
        if any(TakesFile(positional.names) for positional in verb.positionals):
            lines.append(f"complete -c sluice -n {quote(condition)} -F")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", default="", help="what runs the program, if this machine cannot")
    parser.add_argument("program")
    parser.add_argument("output")
    options = parser.parse_args()

    def Ask(*arguments):
        # Columns of a fixed width, whatever the terminal; no colours.
        command = options.run.split() + [options.program, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C.UTF-8"}).stdout

    root = ReadHelp(Ask)
    if not root.verbs:
        sys.exit("manual.py: the program's --help names no verbs")
    version = Ask("version").split()[-1]
    os.makedirs(options.output, exist_ok=True)
    pages = {"sluice.1": ProgramPage(root, version), "sluice.json.5": KeysPage(Ask("config", "keys"), version),
             "sluice.bash": BashCompletion(root), "_sluice": ZshCompletion(root), "sluice.fish": FishCompletion(root)}
    for name, text in pages.items():
        with open(os.path.join(options.output, name), "w", encoding="utf-8") as f:
            f.write(text)


if __name__ == "__main__":
    main()
