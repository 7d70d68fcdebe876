#!/usr/bin/env python3
"""Enforces what the workspace may depend on, and what its crates say about themselves.

Reads deny.toml and the output of cargo, and needs Python 3.11 and nothing else. cargo-deny reads the
same deny.toml; where it is installed, also run `cargo deny --offline check bans licenses sources`.

    .ci/policy.py              check; exit 1 and one line for each violation
    .ci/policy.py --self-test  run the examples in this file

Checked:
  - every dependency, of every feature and target, has an allowed license, is not banned and comes
    from the public registry;
  - the default trees of the crates in BUDGETS stay small and free of HTTP, TLS and cryptography;
  - nothing that users of the crates in PUBLISHED compile asks for a newer Rust than they do;
  - the crates in PUBLISHED have what a registry and its documentation pages show: a description,
    keywords, categories, a readme whose code is tested, and how the documentation is built.
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
BUDGETS = {"cachekit": 20, "cachekit-io": 4}

# The crates that people depend on.
PUBLISHED = ["cachekit", "cachekit-io", "cachekit-macros", "cachekit-server", "cachekit-cli"]

# The categories of the registry that ours may be in; it drops what it does not know.
CATEGORIES = {
    "asynchronous",
    "caching",
    "command-line-utilities",
    "development-tools::procedural-macro-helpers",
    "network-programming",
}

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

    For this machine's target; with all targets, crates would count that are never linked together.
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


def wrong_in_manifest(package):
    """What a registry would refuse or drop, and what its pages would lack.

    >>> good = {
    ...     "description": "Caching by attribute", "license": "MIT", "readme": "README.md",
    ...     "keywords": ["cache", "single-flight"], "categories": ["caching"], "features": {"io": []},
    ...     "metadata": {"docs": {"rs": {
    ...         "all-features": True, "rustdoc-args": ["--cfg", "docsrs"]}}},
    ... }
    >>> list(wrong_in_manifest(good))
    []
    >>> for field in ["description", "license", "readme", "keywords", "categories", "metadata"]:
    ...     print(*wrong_in_manifest({**good, field: None}), sep="; ")
    no description
    no license
    no readme
    1 to 5 keywords, not 0
    1 to 5 categories, not 0
    docs.rs is not told to document all features; docs.rs is not told to pass --cfg docsrs
    >>> list(wrong_in_manifest({**good, "description": "Caching.\\nBy attribute"}))
    ['the description is not one line without a full stop']
    >>> list(wrong_in_manifest({**good, "keywords": ["a", "b c", "-d", "x" * 21]}))
    ["no keyword: 'b c'", "no keyword: '-d'", "no keyword: 'xxxxxxxxxxxxxxxxxxxxx'"]
    >>> list(wrong_in_manifest({**good, "categories": ["caches"]}))
    ["no category: 'caches'"]
    >>> list(wrong_in_manifest({**good, "features": {}, "metadata": {"docs": {"rs": {
    ...     "all-features": True}}}}))
    []
    """
    for field in ["description", "license", "readme"]:
        if not package[field]:
            yield f"no {field}"
    description = package["description"] or ""
    if "\n" in description or description.endswith("."):
        yield "the description is not one line without a full stop"
    for field in ["keywords", "categories"]:
        count = len(package[field] or [])
        if not 1 <= count <= 5:
            yield f"1 to 5 {field}, not {count}"
    for keyword in package["keywords"] or []:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_+-]{0,19}", keyword):
            yield f"no keyword: {keyword!r}"
    for category in package["categories"] or []:
        if category not in CATEGORIES:
            yield f"no category: {category!r}"
    built = ((package["metadata"] or {}).get("docs") or {}).get("rs") or {}
    if not built.get("all-features"):
        yield "docs.rs is not told to document all features"
    # Only where there are features, the documentation has to say which one an item needs.
    if package["features"] and built.get("rustdoc-args") != ["--cfg", "docsrs"]:
        yield "docs.rs is not told to pass --cfg docsrs"


def wrong_in_texts(name, readme, library, has_features):
    """What a crate's readme and the top of its library lack.

    >>> library = '#![cfg_attr(docsrs, feature(doc_cfg))]\\n#[doc = include_str!("../README.md")]'
    >>> list(wrong_in_texts("a", "# a\\n```rust\\nlet a = 1;\\n```", library, True))
    []
    >>> list(wrong_in_texts("a", "# b\\n```rust\\nlet a = 1;\\n```", "", True))
    ['the readme does not begin with # a', 'the code of the readme is not tested', \
'the documentation does not say which feature an item needs']
    >>> list(wrong_in_texts("a", "# a\\n```sh\\na\\n```\\n```rust,ignore\\na();\\n```", "", False))
    []
    """
    if readme.split("\n")[0] != f"# {name}":
        yield f"the readme does not begin with # {name}"
    if re.search(r"^```(rust)?$", code_fences(readme), re.M) and '"../README.md"' not in library:
        yield "the code of the readme is not tested"
    if has_features and "#![cfg_attr(docsrs, feature(doc_cfg))]" not in library:
        yield "the documentation does not say which feature an item needs"


def code_fences(markdown):
    """The lines that begin a block of code.

    >>> code_fences("a\\n```sh\\nls\\n```\\n```\\nlet a = 1;\\n```")
    '```sh\\n```'
    """
    fences = re.findall(r"^```.*$", markdown, re.M)
    return "\n".join(fences[::2])


def check_manifests(packages):
    """What the published crates say about themselves."""
    for name in PUBLISHED:
        package = next(p for p in packages.values() if p["name"] == name and p["source"] is None)
        for wrong in wrong_in_manifest(package):
            yield f"{name}: {wrong}"
        folder = Path(package["manifest_path"]).parent
        readme = folder / (package["readme"] or "README.md")
        if not readme.is_file():
            yield f"{name}: there is no {readme.relative_to(ROOT)}"
            continue
        library = (folder / "src/lib.rs").read_text(encoding="utf-8")
        text = readme.read_text(encoding="utf-8")
        for wrong in wrong_in_texts(name, text, library, bool(package["features"])):
            yield f"{name}: {wrong}"


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
        *check_manifests(packages),
    ]
    for violation in violations:
        print(f"policy: {violation}", file=sys.stderr)
    external = sum(1 for package in packages.values() if package["source"])
    print(f"policy: {external} dependencies checked, {len(violations)} violations")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
