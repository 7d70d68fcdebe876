#!/usr/bin/env bash
# Checks that the library crates compile with the oldest Rust they promise (`rust-version`).
#
# The old toolchain is the one that rustup has, or installs now. Without rustup it is the packaged one of
# Debian (rustc-web and cargo-web), if that has the version. Where there is none of these, clippy looks for
# library items that are too new. That is less: it sees neither the language nor the dependencies, and it
# says so.
set -euo pipefail
cd "$(dirname "$0")/.."

MACROS=$(.ci/workspace_id cachekit-macros)
PACKAGES=(cachekit cachekit-io "$MACROS" cachekit-server cachekit-cli)
MSRV=$(sed -n 's/^rust-version = "\([0-9]*\.[0-9]*\).*"/\1/p' Cargo.toml | head -n 1)
[ -n "$MSRV" ] || { echo "msrv: no rust-version in Cargo.toml" >&2; exit 1; }

say() { echo "msrv: $*"; }

is_msrv() { # is_msrv RUSTC...: does this compiler have the promised version?
    "$@" --version 2>/dev/null | grep -q "^rustc ${MSRV//./\\.}\."
}

debian_version() { # the newest packaged version of the promised series that both packages have
    comm -12 \
        <(apt-cache madison rustc-web 2>/dev/null | awk '{print $3}' | sort -u) \
        <(apt-cache madison cargo-web 2>/dev/null | awk '{print $3}' | sort -u) |
        grep "^${MSRV//./\\.}\." | sort -V | tail -n 1
}

install_from_debian() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && command -v apt-cache >/dev/null || return 1
    local version
    version=$(debian_version) || true
    if [ -z "$version" ]; then
        apt-get update -qq >/dev/null 2>&1 || true
        version=$(debian_version) || true
    fi
    [ -n "$version" ] || return 1
    say "installing Debian's rustc-web and cargo-web $version"
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        "rustc-web=$version" "libstd-rust-web-dev=$version" "cargo-web=$version" >/dev/null 2>&1 &&
        is_msrv /usr/bin/rustc
}

install_with_rustup() {
    command -v rustup >/dev/null || return 1
    say "installing Rust $MSRV with rustup"
    rustup toolchain install "$MSRV" --profile minimal --no-self-update >/dev/null 2>&1 &&
        is_msrv rustup run "$MSRV" rustc
}

# Commands that do not touch the toolchain of the repository.
if { command -v rustup >/dev/null && is_msrv rustup run "$MSRV" rustc; } || install_with_rustup; then
    CARGO=(rustup run "$MSRV" cargo)
elif is_msrv /usr/bin/rustc || install_from_debian; then
    # By full path: what rustup puts first in the search path is another version.
    export RUSTC=/usr/bin/rustc
    CARGO=(/usr/bin/cargo)
else
    say "no Rust $MSRV here and none to be had: asking clippy instead, which does not check the"
    say "dependencies and the language"
    selected=("${PACKAGES[@]/#/--package=}")
    cargo clippy --locked --quiet "${selected[@]}" --all-features -- \
        -A warnings -D clippy::incompatible_msrv
    say "clippy found nothing newer than Rust $MSRV"
    exit 0
fi

# Artifacts of two compilers do not mix.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/msrv"
# Lints are the business of the current toolchain.
export RUSTFLAGS="${RUSTFLAGS:-} --cap-lints=allow"
unset RUSTC_WRAPPER RUSTC_WORKSPACE_WRAPPER RUSTUP_TOOLCHAIN
say "checking with $("${CARGO[@]}" --version)"
check() { say "$*"; "${CARGO[@]}" check --locked --quiet "$@"; }
# The libraries one by one, as their users build them; everything together with all features.
for package in cachekit cachekit-io; do
    check --package "$package" --no-default-features
done
check --package cachekit --features shared
check "${PACKAGES[@]/#/--package=}" --all-features
say "${PACKAGES[*]} compile with Rust $MSRV"
