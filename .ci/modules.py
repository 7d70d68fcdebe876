#!/usr/bin/env python3
"""Prints which modules of each crate use which, in layers, and fails if some of them form a cycle, if a module is not
named in the book's page on the architecture, or if that page names a file that does not exist.

    .ci/modules.py             all crates
    .ci/modules.py cachekit    one

A module is a file or a folder directly under `src`; tests do not count. A module stands in a layer above all that it
uses. What `lib.rs` re-exports counts as a use of the module that it comes from.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "src" / "architecture.md"
CRATES = ["cachekit", "cachekit-macros", "cachekit-io", "cachekit-server", "cachekit-cli"]
# The crate itself, and tests.
NOT_MODULES = {"lib", "main", "tests"}
IN_TESTS = re.compile(r"#\[cfg\((?:all\()?test\b[^\]]*\]\s*mod (\w+);")


# Whatever comes first decides what it is: a comment in a string is text, and so is a string in a comment.
NOT_CODE = re.compile(
    r"""//[^\n]* | /\*.*?\*/ | r(\#*)".*?"\1 | "(?:\\.|[^"\\])*" | '(?:\\[^']+|[^'\\])'""",
    re.VERBOSE | re.DOTALL,
)


def plain(source):
    """The source without comments, strings and its own tests."""
    source = NOT_CODE.sub(" ", source)
    return re.split(r"#\[cfg\((?:all\()?test\b[^\]]*\]\s*mod \w+ \{", source)[0]


def module_of(path, src):
    """The module under `src` that a file belongs to, and how deep in it the file is."""
    parts = list(path.relative_to(src).with_suffix("").parts)
    if parts[-1] == "mod":
        parts.pop()
    return parts[0], len(parts)


def heads(tree):
    """The first names in `a::b, {c, d::e}`, as they stand behind `crate::` in a `use`."""
    tree = tree.strip()
    if not tree.startswith("{"):
        found = re.match(r"\w+", tree)
        return [found.group()] if found else []
    names, depth, item = [], 0, ""
    for character in tree:
        if character == "}" and depth == 1:
            break
        if character == "," and depth == 1:
            names += heads(item)
            item = ""
            continue
        depth += {"{": 1, "}": -1}.get(character, 0)
        if not (character == "{" and depth == 1):
            item += character
    return names + heads(item)


def names_of_root(source, depth):
    """The names directly under the crate that a file mentions. At a depth of 1, `super` is the crate."""
    for found in re.finditer(r"\b((?:self::)?(?:super::)+|crate::)", source):
        way = found.group(1)
        if way == "crate::" or way.count("super::") == depth:
            yield from heads(source[found.end():])


def re_exports(source, modules):
    """Where the names come from that the crate's root has from its modules."""
    origins = {}
    for found in re.finditer(r"\buse ((?:self::|crate::)?(\w+)::([^;]+));", source):
        module, tree = found.group(2), found.group(3)
        if module in modules:
            for name in re.findall(r"\w+", re.sub(r"\w+ as ", "", tree)):
                origins[name] = module
    # Modules whose file is elsewhere belong to the folder that it is in.
    for found in re.finditer(r'path = "(\w+)/[^"]*"\)?\]\s*(?:#\[[^\]]*\]\s*)*(?:pub )?mod (\w+);', source):
        origins[found.group(2)] = found.group(1)
    return origins


def graph_of(crate):
    src = ROOT / crate / "src"
    files = [
        path
        for path in src.rglob("*.rs")
        if "tests" not in path.relative_to(src).parts and path.name != "tests.rs"
    ]
    root = src / "lib.rs"
    root = root if root.exists() else src / "main.rs"
    # With its strings: paths of files are some.
    root = re.sub(r"//[^\n]*", "", root.read_text())
    skipped = NOT_MODULES | set(IN_TESTS.findall(root))
    files = [path for path in files if module_of(path, src)[0] not in skipped]
    modules = {module_of(path, src)[0] for path in files}
    origins = re_exports(root, modules)
    uses = {module: set() for module in modules}
    for path in files:
        module, depth = module_of(path, src)
        for name in names_of_root(plain(path.read_text()), depth):
            used = origins.get(name, name)
            if used in modules and used != module:
                uses[module].add(used)
    return uses


def layers(uses):
    """The modules in layers, and those that form cycles or use such."""
    left, found = dict(uses), []
    while True:
        layer = sorted(module for module in left if not (uses[module] & left.keys()))
        if not layer:
            return found, left
        found.append(layer)
        for module in layer:
            del left[module]


def cycle(left):
    """One cycle among modules of which each uses another of them."""
    way = [min(left)]
    while True:
        following = min(left[way[-1]] & left.keys())
        if following in way:
            return way[way.index(following):] + [following]
        way.append(following)


def section_of(crate, page):
    """What the page says of a crate."""
    found = re.search(rf"^## `{crate}`$(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    return found.group(1) if found else ""


def unnamed(crate, uses, page):
    """The modules that the crate's section names neither as a file nor as a folder."""
    named = set(re.findall(r"`(\w+)(?:\.rs|/)", section_of(crate, page)))
    # `http/mod.rs` and `auth/*.rs` name the folder.
    named |= set(re.findall(r"`(\w+)/[\w/*]+\.rs`", section_of(crate, page)))
    return sorted(set(uses) - named)


def missing(page):
    """The files that the page names and no crate has."""
    files = ["/" + str(path.relative_to(ROOT)) for crate in CRATES for path in (ROOT / crate / "src").rglob("*.rs")]
    named = sorted(set(re.findall(r"`([\w/-]+\.rs)`", page)))
    return [name for name in named if not any(path.endswith("/" + name) for path in files)]


def main():
    crates = sys.argv[1:] or CRATES
    failed = False
    page = PAGE.read_text()
    for name in missing(page):
        failed = True
        print(f"{PAGE.name} names {name}, which does not exist", file=sys.stderr)
    for crate in crates:
        uses = graph_of(crate)
        found, left = layers(uses)
        print(f"{crate}: {len(uses)} modules in {len(found)} layers")
        for number, layer in enumerate(found, 1):
            for module in layer:
                using = ", ".join(sorted(uses[module]))
                print(f"  {number:2} {module}" + (f": {using}" if using else ""))
        if left:
            failed = True
            print(f"  a cycle: {' -> '.join(cycle(left))}")
            print("modules: no module may use one that uses it; move what both need into one below", file=sys.stderr)
        for module in unnamed(crate, uses, page):
            failed = True
            print(f"{PAGE.name} does not say where {module} of {crate} is", file=sys.stderr)
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    main()
