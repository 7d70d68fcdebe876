#!/bin/sh
# Ten minutes, or as many seconds as the first argument says, of mixed load on a server that is killed
# and started again five times. Prints what was done; fails if one value was wrong.
set -eu
cd "$(dirname "$0")/.."
CACHEKIT_SOAK_SECONDS="${1:-600}" exec cargo test -p cachekit-tests --test it -- \
    --exact http::soak::no_value_is_ever_wrong --nocapture
