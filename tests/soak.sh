#!/bin/sh
# Ten minutes, or as many seconds as the first argument says, of mixed load: first on the memory tier, by 2 and by 16
# threads; then on a server that is killed and started again five times. Prints what was done; fails if one value was
# wrong.
set -eu
cd "$(dirname "$0")/.."
export CACHEKIT_SOAK_SECONDS="${1:-600}"
cargo test --release -p cachekit-tests --test it -- calls::mixed_use:: --nocapture --test-threads 1
exec cargo test -p cachekit-tests --test it -- \
    --exact http::soak::no_value_is_ever_wrong --nocapture
