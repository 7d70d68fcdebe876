#!/usr/bin/env bash
# The benches with the C library of another Debian release: what does sealing cost where the system's randomness
# comes without a system call (glibc 2.41 and Linux 6.11, or newer)?
#
#   benches/with-libc.sh trixie seal sealed     these parts, with that release's C library
#
# Debian, x86-64. Downloads two packages into target/ and installs nothing. The program is the same that
# `cargo bench` runs; only the library that it is started with differs.
set -euo pipefail
cd "$(dirname "$0")/.."

release="${1:?which Debian release: benches/with-libc.sh trixie seal}"
shift
place="$PWD/target/libc-$release"
loader="$place/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"

if [ ! -e "$loader" ]; then
    # Where this system gets its own packages from.
    mirror="$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | head -n 1)"
    [ -n "$mirror" ] || { echo "no Debian package source here: see apt-get indextargets" >&2; exit 1; }
    apt="$(mktemp -d)"
    trap 'rm -rf "$apt"' EXIT
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$place"
    keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    echo "deb [signed-by=$keyring] $mirror $release main" >"$apt/sources.list"
    options=(-qq -o "Dir::Etc::sourcelist=$apt/sources.list" -o "Dir::Etc::sourceparts=-"
        -o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt/cache" -o "APT::Sandbox::User=root")
    apt-get "${options[@]}" update
    (cd "$apt" && apt-get "${options[@]}" download libc6 libgcc-s1)
    for package in "$apt"/*.deb; do dpkg -x "$package" "$place"; done
fi

program="$(cargo bench --locked -p benches --bench hit_path --no-run --message-format json |
    sed -n 's/.*"executable":"\([^"]*hit_path[^"]*\)".*/\1/p' | tail -n 1)"
"$loader" --version | head -n 1
"$loader" --library-path "$(dirname "$loader")" "$program" --bench "$@"
