#!/usr/bin/env python3
"""Enforces what the workspace may depend on.

Reads deny.toml and the output of cargo, and needs Python 3.11 and nothing else. cargo-deny reads the
same deny.toml; where it is installed, also run `cargo deny --offline check bans licenses sources`.

    .ci/policy.py              check; exit 1 and one line for each violation
    .ci/policy.py --self-test  run the examples in this file

Checked:
  - every dependency, of every feature and target, has an allowed license, is not banned and comes
    from the public registry;
  - the default trees of the crates in BUDGETS stay small and free of HTTP, TLS and cryptography;
  - nothing that users of the crates in PUBLISHED compile asks for a newer Rust than they do.
"""

import doctest
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# How many crates the default features of ours may link, ours included. Procedural macros and build
# scripts are compiled but not linked and do not count.
BUDGETS = {"cachekit": 19, "cachekit-io": 2}

# The crates that people depend on.
PUBLISHED = ["cachekit", "cachekit-io", "cachekit-macros", "cachekit-server", "cachekit-cli"]

# What must not be linked with default features. Features may bring it.
NOT_BY_DEFAULT = re.compile(
    r"""
    # HTTP and everything around it
      http | http-body(-.*)? | httparse | h2 | h3 | hyper(-.*)? | reqwest | ureq(-.*)? | isahc
    | curl(-.*)? | attohttpc | axum(-.*)? | tower-http | url
    # TLS
    | rustls(-.*)? | tokio-rustls | webpki(-.*)? | native-tls | tokio-native-tls | openssl(-.*)?
    | boring(-.*)? | s2n-tls(-.*)? | schannel | security-framework(-.*)?
    # cryptography
    | ring | aws-lc-.* | aead | aes(-.*)? | cipher | ctr | ghash | polyval | universal-hash
    | chacha20(poly1305)? | poly1305 | blake2(-.*)? | blake3 | sha1 | sha2 | sha3 | md-5 | hmac
    | hkdf | pbkdf2 | digest | crypto-common | block-buffer | subtle | zeroize(_derive)?
    | orion | sodiumoxide | libsodium-sys
    # other caches: the memory tier is our own
    | quick_cache | moka | mini-moka | lru | schnellru | foyer(-.*)? | cached
    """,
    re.VERBOSE,
)

# How cargo marks a package that comes from a registry and not from git or a path.
REGISTRY = "registry+"


def cargo(*arguments):
    """What a cargo command prints."""
    command = ["cargo", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr.strip()}")
    return done.stdout


def metadata():
    """The packages of the whole graph, by id."""
    arguments = ["metadata", "--locked", "--all-features", "--format-version", "1"]
    packages = json.loads(cargo(*arguments))["packages"]
    return {package["id"]: package for package in packages}


def tree(package, edges, *arguments):
    """Name and version of each crate in the dependency tree of a package.

    For this machine's target; with all targets, crates would count that nobody links together.
    """
    printed = cargo(
        "tree", "--locked", "-p", package, "-e", edges, "--prefix", "none",
        "-f", "{p}", *arguments,
    )
    return {parse_package(line) for line in printed.splitlines() if line.strip()}


def parse_package(line):
    """
    >>> parse_package("bytes v1.12.2")
    ('bytes', '1.12.2')
    >>> parse_package("serde_derive v1.0.229 (proc-macro) (*)")
    ('serde_derive', '1.0.229')
    """
    name, version = line.split()[:2]
    return name, version.removeprefix("v")


def version_key(version):
    """
    >>> version_key("1.85") < version_key("1.85.1") < version_key("1.100")
    True
    """
    return tuple(int(part) for part in (version.split("-")[0].split(".") + ["0", "0"])[:3])


def license_allowed(expression, allowed):
    """Whether a choice that an SPDX expression offers is allowed altogether.

    >>> permissive = {"MIT", "Apache-2.0", "Unicode-3.0"}
    >>> license_allowed("MIT OR GPL-3.0", permissive)
    True
    >>> license_allowed("MIT AND GPL-3.0", permissive)
    False
    >>> license_allowed("(MIT OR GPL-3.0) AND Unicode-3.0", permissive)
    True
    >>> license_allowed("GPL-2.0 OR MIT AND GPL-3.0", permissive)
    False
    >>> license_allowed("GPL-3.0/MIT", permissive)
    True
    >>> license_allowed("Apache-2.0 WITH LLVM-exception", permissive)
    False
    >>> license_allowed("Apache-2.0 WITH LLVM-exception OR MIT", permissive)
    True
    >>> license_allowed(None, permissive)
    False
    """
    if not expression:
        return False
    tokens = re.findall(r"[()]|[^\s()]+", expression.replace("/", " OR "))

    def choice():
        result = both()
        while tokens and tokens[0] == "OR":
            tokens.pop(0)
            # Parsed in any case: the tokens have to be used up.
            other = both()
            result = result or other
        return result

    def both():
        result = single()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            other = single()
            result = result and other
        return result

    def single():
        token = tokens.pop(0)
        if token == "(":
            result = choice()
            tokens.pop(0)
            return result
        if tokens and tokens[0] == "WITH":
            tokens.pop(0)
            token = f"{token} WITH {tokens.pop(0)}"
        return token in allowed

    return choice()


def banned_names(deny):
    """
    >>> sorted(banned_names({"bans": {"deny": [{"crate": "a"}, {"name": "b"}, "c@1.0"]}}))
    ['a', 'b', 'c']
    """
    entries = deny.get("bans", {}).get("deny", [])
    texts = [entry if isinstance(entry, str) else entry.get("crate") or entry["name"]
             for entry in entries]
    return {re.split(r"[@:]", text)[0] for text in texts}


def check_graph(packages, deny):
    """Licenses, bans and sources of everything there is."""
    allowed = set(deny["licenses"]["allow"])
    banned = banned_names(deny)
    for package in packages.values():
        name = f"{package['name']} {package['version']}"
        if package["name"] in banned:
            yield f"{name}: banned by deny.toml"
        if package["source"] is None:
            if not Path(package["manifest_path"]).is_relative_to(ROOT):
                yield f"{name}: lies outside the workspace"
            continue
        if not package["source"].startswith(REGISTRY):
            yield f"{name}: comes from {package['source']}, not from a registry"
        if not license_allowed(package["license"], allowed):
            yield f"{name}: license {package['license']!r} is not in deny.toml"


def check_default_trees():
    """What the default features of our crates link."""
    for package, budget in BUDGETS.items():
        linked = tree(package, "normal,no-proc-macro")
        if len(linked) > budget:
            names = ", ".join(sorted(name for name, _ in linked))
            yield f"{package}: links {len(linked)} crates, {budget} are allowed: {names}"
        for name, version in sorted(linked):
            if NOT_BY_DEFAULT.fullmatch(name):
                yield f"{package}: links {name} {version} with default features"


def check_rust_versions(packages):
    """That nothing our users compile asks for a newer Rust than we do."""
    by_name = {(package["name"], package["version"]): package for package in packages.values()}
    for package in PUBLISHED:
        # Others have published crates under these names.
        ours = next(p for p in packages.values() if p["name"] == package and p["source"] is None)
        ours = ours["rust_version"]
        if ours is None:
            yield f"{package}: has no rust-version"
            continue
        for name, version in sorted(tree(package, "normal,build", "--all-features")):
            theirs = by_name[name, version]["rust_version"]
            if theirs and version_key(theirs) > version_key(ours):
                yield f"{package}: {name} {version} needs Rust {theirs}, we promise {ours}"


def main():
    if sys.argv[1:] == ["--self-test"]:
        failed, tried = doctest.testmod()
        print(f"{tried - failed} passed, {failed} failed")
        return 1 if failed else 0
    if sys.argv[1:]:
        sys.exit(__doc__)

    deny = tomllib.loads((ROOT / "deny.toml").read_text(encoding="utf-8"))
    packages = metadata()
    violations = [
        *check_graph(packages, deny),
        *check_default_trees(),
        *check_rust_versions(packages),
    ]
    for violation in violations:
        print(f"policy: {violation}", file=sys.stderr)
    external = sum(1 for package in packages.values() if package["source"])
    print(f"policy: {external} dependencies checked, {len(violations)} violations")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
