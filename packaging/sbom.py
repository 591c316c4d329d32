"""Bill of materials of a built program, as SPDX 2.3 JSON: the Debian packages of the libraries that it loads, and of those that are compiled in.

    python3 packaging/sbom.py --arch amd64 --version 0.1.0 --epoch SECONDS PROGRAM > sluice.spdx.json

The loaded libraries are read from the program itself and looked up where it was built, so that the list is of what was linked, with its versions.
"""

import argparse
import datetime
import glob
import hashlib
import json
import os
import re
import subprocess
import sys

# Header-only: in the program, though it loads nothing of them.
COMPILED_IN = ["libcli11-dev", "libexpected-dev", "nlohmann-json3-dev"]


def Needed(path):
    dynamic = subprocess.run(["readelf", "-dW", path], check=True, capture_output=True, text=True).stdout
    return re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic)


def LibraryFile(name, directories):
    for directory in directories:
        path = os.path.join(directory, name)
        if os.path.exists(path):
            return path
    sys.exit(f"sbom.py: {name} is not in {' '.join(directories)}")


def Owner(path):
    """The Debian package of a file; its database may know it by the path from before /lib became a link."""
    real = os.path.realpath(path)
    for known in (path, real, real.removeprefix("/usr"), "/usr" + path):
        found = subprocess.run(["dpkg-query", "-S", known], capture_output=True, text=True)
        if found.returncode == 0:
            return found.stdout.split(": ")[0].split(",")[0]
    sys.exit(f"sbom.py: no package has {path}")


class Debian:
    def __init__(self, package):
        fields = "${Package}\t${Version}\t${Architecture}\t${source:Package}\t${source:Version}\t${Homepage}\t${Maintainer}"
        text = subprocess.run(["dpkg-query", "-W", "-f", fields, package], check=True, capture_output=True, text=True).stdout
        self.name, self.version, self.arch, self.source, self.source_version, self.homepage, self.maintainer = text.split("\t")

    def Id(self):
        return "SPDXRef-Package-" + re.sub(r"[^A-Za-z0-9.-]", "-", self.name)

    def Spdx(self):
        package = {
            "SPDXID": self.Id(), "name": self.name, "versionInfo": self.version, "downloadLocation": "NOASSERTION", "filesAnalyzed": False,
            "supplier": "Organization: Debian", "originator": f"Person: {self.maintainer}",
            "sourceInfo": f"Debian source package {self.source} {self.source_version}",
            "licenseConcluded": "NOASSERTION", "licenseDeclared": "NOASSERTION", "copyrightText": "NOASSERTION",
            "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                              "referenceLocator": f"pkg:deb/debian/{self.name}@{self.version}?arch={self.arch}".replace("+", "%2B")}],
        }
        if self.homepage:
            package["homepage"] = self.homepage
        return package


def Libraries(program, arch):
    """(package, whether the program itself asks for it) of all that is loaded."""
    triplet = subprocess.run(["dpkg-architecture", "-a", arch, "-q", "DEB_HOST_MULTIARCH"], check=True, capture_output=True, text=True).stdout.strip()
    directories = [d for pattern in ("/usr/lib/{}", "/lib/{}", "/usr/lib/{}/*/", "/lib", "/usr/lib") for d in glob.glob(pattern.format(triplet))]
    direct = set(Needed(program))
    packages, seen, waiting = {}, set(), sorted(direct)
    while waiting:
        name = waiting.pop(0)
        if name in seen:
            continue
        seen.add(name)
        path = LibraryFile(name, directories)
        owner = Owner(path)
        packages[owner] = packages.get(owner, False) or name in direct
        waiting += sorted(Needed(path))
    return packages


def Document(options):
    libraries = Libraries(options.program, options.arch)
    with open(options.program, "rb") as f:
        digest = hashlib.sha256(f.read()).hexdigest()
    created = datetime.datetime.fromtimestamp(options.epoch, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    product = {
        "SPDXID": "SPDXRef-Package-sluice", "name": "sluice", "versionInfo": options.version, "downloadLocation": "NOASSERTION", "filesAnalyzed": False,
        "primaryPackagePurpose": "APPLICATION", "licenseConcluded": "Apache-2.0", "licenseDeclared": "Apache-2.0", "copyrightText": "NOASSERTION",
        "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                          "referenceLocator": f"pkg:deb/sluice@{options.version}?arch={options.arch}".replace("+", "%2B")}],
    }
    relationships = [{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": product["SPDXID"]}]
    packages = [product]
    # The digest is of what the linker made; the package holds it stripped.
    comment = f"The program as linked, before it was stripped of symbols, has the SHA-256 {digest}."

    def Add(debian, kind):
        packages.append(debian.Spdx())
        relationships.append({"spdxElementId": product["SPDXID"], "relationshipType": kind, "relatedSpdxElement": debian.Id()})

    for owner in sorted(libraries):
        Add(Debian(owner), "DYNAMIC_LINK" if libraries[owner] else "DEPENDS_ON")
    for name in COMPILED_IN:
        Add(Debian(name), "STATIC_LINK")
    return {
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": f"sluice-{options.version}-{options.arch}",
        "documentNamespace": f"https://sluice.invalid/spdx/sluice-{options.version}-{options.arch}-{digest[:16]}",
        "creationInfo": {"created": created, "creators": ["Tool: packaging/sbom.py"]}, "comment": comment,
        "packages": packages, "relationships": relationships,
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--arch", required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--epoch", type=int, required=True, help="when, in seconds since 1970")
    parser.add_argument("program")
    json.dump(Document(parser.parse_args()), sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
