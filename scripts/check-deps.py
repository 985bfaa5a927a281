#!/usr/bin/env python3
"""Checks the dependencies of the workspace: licences, sources, duplicates, bans, room rules, budget, documentation.

Needs nothing but Python and cargo; exits with 1 and one line per finding when a rule is broken. A rule's
exception that is no longer needed is a finding too.
"""

import json
import os
import re
import subprocess
import sys
import tomllib

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DOCUMENT = "docs/DEPENDENCIES.md"

# The lock file may hold so many packages, those for other platforms included.
BUDGET = 350

# The platform whose build is checked for duplicates.
PLATFORM = "x86_64-unknown-linux-gnu"

LICENCES = {
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
}

BANNED = {
    "native-tls": "TLS is rustls",
    "openssl": "TLS is rustls, cryptography is aws-lc-rs",
    "openssl-sys": "TLS is rustls, cryptography is aws-lc-rs",
    "reqwest": "the HTTP client is hyper",
    "ring": "one cryptographic library: aws-lc-rs",
}

# Packages that may be there in several versions, and why.
DUPLICATES = {
    "fallible-iterator": "postgres-protocol and rusqlite stand on different major versions",
    "getrandom": "ahash, rand and our own use follow different major versions",
    "rand": "tokio-postgres and tokio-tungstenite stand on different major versions",
    "rand_core": "comes with the two versions of rand",
    "syn": "derive macros are moving to version 3 one by one; build time only",
}

# Outside packages that belong to certain rooms.
ROOMS_OF_PACKAGE = {
    "anyhow": {"provost", "provost-tests", "provost-benches", "provost-testkit"},
    "clap": {"provost", "provost-benches"},
    "hyper": {"provost-transport", "provost-device", "provost"},
    "hyper-util": {"provost-transport", "provost-device", "provost"},
    "prometheus-client": {"provost-transport"},
    "rusqlite": {"provost-store"},
    "rustls": {"provost-transport", "provost-device", "provost", "provost-testkit", "provost-tests", "provost-benches"},
    "tokio-postgres": {"provost-store", "provost-testkit"},
    "tokio-rustls": {
        "provost-transport",
        "provost-device",
        "provost",
        "provost-testkit",
        "provost-tests",
        "provost-benches",
    },
    "tokio-tungstenite": {"provost-transport", "provost-device", "provost-testkit", "provost-tests"},
}

# Rooms that do no input or output, hence never wait.
PURE_ROOMS = {"provost-model", "provost-pki", "provost-attestation", "provost-wire"}
RUNTIMES = {"tokio", "hyper", "tokio-rustls", "tokio-postgres", "tokio-tungstenite"}

# Which rooms a room may use. Rooms that are not named here wire things together and may use any.
ROOMS_OF_ROOM = {
    "provost-model": set(),
    "provost-pki": {"provost-model"},
    "provost-attestation": {"provost-model", "provost-pki"},
    "provost-wire": {"provost-model"},
    "provost-store": {"provost-model", "provost-pki"},
    "provost-keys": {"provost-model"},
    "provost-access": {"provost-model", "provost-pki", "provost-attestation", "provost-store"},
    "provost-ca": {"provost-model", "provost-pki", "provost-keys", "provost-store"},
    "provost-registry": {
        "provost-model",
        "provost-pki",
        "provost-store",
        "provost-access",
        "provost-ca",
    },
    "provost-provisioning": {"provost-access", "provost-model", "provost-pki", "provost-attestation", "provost-wire", "provost-store"},
    "provost-hub": {"provost-access", "provost-model", "provost-pki", "provost-attestation", "provost-wire", "provost-store"},
    "provost-transport": {
        "provost-model",
        "provost-pki",
        "provost-attestation",
        "provost-wire",
        "provost-access",
        "provost-provisioning",
        "provost-hub",
        "provost-registry",
        "provost-ca",
    },
    "provost-device": {
        "provost-model",
        "provost-pki",
        "provost-attestation",
        "provost-wire",
        "provost-transport",
    },
}
# Fixtures may be used by the tests of any room, never by what is shipped.
FIXTURES = {"provost-testkit", "provost-softhsm"}
USERS_OF_FIXTURES = {"provost-tests", "provost-benches", *FIXTURES}


def cargo(*arguments):
    """What a cargo command prints about the workspace as locked."""
    done = subprocess.run(["cargo", *arguments, "--locked"], cwd=ROOT, stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        sys.exit(f"cargo {arguments[0]} failed")
    return done.stdout.decode()


def built_for(target):
    """Names and versions of what a build for the target really compiles.

    The lock file holds more: packages behind features that nothing switches on.
    """
    lines = cargo("tree", "--workspace", "--edges", "all", "--target", target, "--prefix", "none", "--format", "{p}")
    return {tuple(line.split()[:2]) for line in lines.splitlines() if line and " feature " not in line}


def licence_allowed(expression):
    """Whether an SPDX expression can be satisfied from the list: OR needs one side, AND needs both."""
    tokens = re.findall(r"[()]|[^\s()]+", expression.replace("/", " OR "))

    def either():
        allowed = both()
        while tokens and tokens[0] == "OR":
            tokens.pop(0)
            allowed = both() or allowed
        return allowed

    def both():
        allowed = one()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            allowed = one() and allowed
        return allowed

    def one():
        token = tokens.pop(0)
        if token == "(":
            allowed = either()
            tokens.pop(0)
            return allowed
        if tokens and tokens[0] == "WITH":
            tokens.pop(0)
            token = f"{token} WITH {tokens.pop(0)}"
        return token in LICENCES

    try:
        return either() and not tokens
    except IndexError:
        return False


def check_packages(packages):
    """Licence and source of every package that is not ours; the budget."""
    sources = set()
    for package in packages:
        if package["source"] is None:
            continue
        name = f"{package['name']} {package['version']}"
        sources.add(package["source"])
        if not package["source"].startswith("registry+"):
            yield f"{name} comes from {package['source']}: only released packages are allowed"
        if not licence_allowed(package["license"] or ""):
            yield f"{name} has the licence {package['license']}, which is not on the list"
    if len(sources) > 1:
        yield f"packages come from {len(sources)} sources: one is allowed"
    if len(packages) > BUDGET:
        yield f"{len(packages)} packages are more than the budget of {BUDGET}"


def check_bans(built):
    """Packages that no build on any platform may hold."""
    for name, version in sorted(built):
        if name in BANNED:
            yield f"{name} {version} is banned: {BANNED[name]}"


def check_duplicates(built):
    """Packages of several versions in one build."""
    versions = {}
    for name, version in built:
        versions.setdefault(name, set()).add(version)
    several = {name: sorted(found) for name, found in versions.items() if len(found) > 1}
    for name, found in sorted(several.items()):
        if name not in DUPLICATES:
            yield f"{name} is there in versions {', '.join(found)}: unify it or give a reason"
    for name in sorted(set(DUPLICATES) - set(several)):
        yield f"{name} is no longer there twice: remove the exception"


def check_rooms(members):
    """Who may use what."""
    for member in members:
        room = member["name"]
        for dependency in member["dependencies"]:
            name, test_only = dependency["name"], dependency["kind"] == "dev"
            if name in ROOMS_OF_PACKAGE and room not in ROOMS_OF_PACKAGE[name]:
                yield f"{room} uses {name}, which belongs to {', '.join(sorted(ROOMS_OF_PACKAGE[name]))}"
            if room in PURE_ROOMS and name in RUNTIMES:
                yield f"{room} is a pure room and may not use {name}"
            if name in FIXTURES:
                if not test_only and room not in USERS_OF_FIXTURES:
                    yield f"{room} ships with {name}: only tests may use it"
            elif name.startswith("provost") and name != room:
                if room in ROOMS_OF_ROOM and name not in ROOMS_OF_ROOM[room]:
                    yield f"{room} may not use {name}: the direction of the rooms is broken"


def check_workspace_table(members):
    """Every outside dependency is named in the workspace table, used, and documented."""
    with open(os.path.join(ROOT, "Cargo.toml"), "rb") as file:
        table = tomllib.load(file)["workspace"]["dependencies"]
    outside = {name for name, entry in table.items() if not (isinstance(entry, dict) and "path" in entry)}
    used = {dependency["name"] for member in members for dependency in member["dependencies"]}
    used = {name for name in used if not name.startswith("provost")}
    for name in sorted(used - outside):
        yield f"{name} is used but not named in the workspace dependencies"
    for name in sorted(outside - used):
        yield f"{name} is named in the workspace dependencies but nothing uses it"
    try:
        with open(os.path.join(ROOT, DOCUMENT), encoding="utf-8") as file:
            described = set(re.findall(r"^\| `([^`]+)` \|", file.read(), re.MULTILINE))
    except FileNotFoundError:
        described = set()
    for name in sorted(outside - described):
        yield f"{name} has no line in {DOCUMENT}"
    for name in sorted(described - outside):
        yield f"{DOCUMENT} describes {name}, which is not a dependency"


def main():
    """Prints every finding; the exit code says whether there is one."""
    packages = json.loads(cargo("metadata", "--format-version", "1"))["packages"]
    members = [package for package in packages if package["source"] is None]
    built = built_for(PLATFORM)
    findings = [
        *check_packages(packages),
        *check_bans(built_for("all")),
        *check_duplicates(built),
        *check_rooms(members),
        *check_workspace_table(members),
    ]
    for finding in findings:
        print(f"dependency check: {finding}", file=sys.stderr)
    if findings:
        return 1
    print(
        f"dependencies are in order: {len(packages)} packages of at most {BUDGET}, "
        f"{len(built)} of them built for {PLATFORM}, {len(members)} are ours"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
