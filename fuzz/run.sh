#!/usr/bin/env bash
# Runs every fuzz target for a while and says how often each one ran.
#
#   fuzz/run.sh                       each target for 60 seconds
#   fuzz/run.sh 600                   each for ten minutes
#   fuzz/run.sh 600 envelope_open     one of them
#
# Needs a C++ compiler; installs cargo-fuzz if it is missing. What a target finds lies in fuzz/artifacts, and
# ends the run.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds="${1:-60}"
shift || true
if [ "$#" -gt 0 ]; then
    targets=("$@")
else
    mapfile -t targets < <(sed -n 's/^name = "\(.*\)"$/\1/p' fuzz/Cargo.toml | tail -n +2)
fi

command -v cargo-fuzz >/dev/null || cargo install --locked cargo-fuzz

for target in "${targets[@]}"; do
    # Seeds of our own first; what the fuzzer learns goes to the corpus, which is not committed.
    mkdir -p "fuzz/corpus/$target"
    seeds=()
    [ -d "fuzz/seeds/$target" ] && seeds=("fuzz/seeds/$target")
    log="$(mktemp)"
    # Without a sanitizer: there is no unsafe code here for one to watch, and then the pinned stable toolchain
    # will do.
    if ! cargo fuzz run --sanitizer none "$target" "fuzz/corpus/$target" "${seeds[@]}" -- \
        -max_total_time="$seconds" -timeout=25 -rss_limit_mb=2048 -max_len=4096 \
        -print_final_stats=1 >"$log" 2>&1; then
        tail -n 60 "$log"
        echo "$target: FAILED"
        exit 1
    fi
    ran="$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")"
    new="$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)"
    echo "$target: $ran executions in ${seconds}s, $new edges covered, nothing found"
    rm -f "$log"
done
