#!/usr/bin/env bash
# cachekit-server under load, next to nginx with a static file and to redis-server, on this machine.
#
#   benches/server.sh            five rounds, in which the servers take turns
#   ROUNDS=1 benches/server.sh   a quick look
#
# Debian or Ubuntu with two cores: each server has one to itself, who asks has the other. Installs
# nginx-light, nghttp2-client and redis-server if they are missing; needs root for that alone. Prints for
# each server the median of requests per second and of its processor time per request, how busy its core
# was, and its peak memory; the ratios are ours to its. What is near 100 % busy is limited by its own core;
# the others by who asks, or by what else runs on the machine: then only processor times compare.
set -euo pipefail
cd "$(dirname "$0")/.."

ROUNDS="${ROUNDS:-5}"
REQUESTS="${REQUESTS:-200000}"
CONNECTIONS=8
STREAMS=64
SERVER_CORE=0
CLIENT_CORE=1
HTTPS=18443 NGINX=18444 REDIS=18445 REDIS_TLS=18446

missing=()
for pair in nginx:nginx-light h2load:nghttp2-client redis-server:redis-server openssl:openssl curl:curl; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
done
if ((${#missing[@]})); then
    apt-get update -qq
    # No service is to start by itself.
    RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi
cargo build --release --locked --quiet -p cachekit-server
target="$(cargo metadata --format-version 1 --no-deps | sed -E 's/.*"target_directory":"([^"]*)".*/\1/')"

work="$(mktemp -d)"
pids=()
finish() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

# Certificates of the same kind as cachekit-server --dev makes: ECDSA P-256.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost -keyout "$work/key.pem" -out "$work/cert.pem" 2>/dev/null
mkdir "$work/www"
for size in 100 16384; do
    head -c "$size" /dev/urandom >"$work/www/value-$size"
done

cat >"$work/nginx.conf" <<CONF
user root;
worker_processes 1;
daemon off;
pid $work/nginx.pid;
error_log $work/nginx.log;
events { worker_connections 1024; }
http {
    access_log off;
    sendfile on;
    keepalive_requests 100000000;
    open_file_cache max=100;
    http2_max_concurrent_streams 1000;
    types { }
    default_type application/octet-stream;
    client_body_temp_path $work/t1; proxy_temp_path $work/t2; fastcgi_temp_path $work/t3;
    uwsgi_temp_path $work/t4; scgi_temp_path $work/t5;
    server {
        listen 127.0.0.1:$NGINX ssl http2;
        ssl_certificate $work/cert.pem;
        ssl_certificate_key $work/key.pem;
        root $work/www;
    }
}
CONF
pinned() { taskset -c "$SERVER_CORE" "$@" >>"$work/log" 2>&1 & pids+=($!); }
pinned nginx -c "$work/nginx.conf"
nginx=$!
pinned redis-server --bind 127.0.0.1 --port "$REDIS" --tls-port "$REDIS_TLS" --save '' --appendonly no \
    --tls-cert-file "$work/cert.pem" --tls-key-file "$work/key.pem" --tls-ca-cert-file "$work/cert.pem" \
    --tls-auth-clients no
redis=$!
pinned "$target/release/cachekit-server" --dev --listen "127.0.0.1:$HTTPS" --env-file "$work/env"
cachekit=$!
for _ in $(seq 100); do
    [ -s "$work/env" ] && redis-cli -p "$REDIS" ping >/dev/null 2>&1 && [ -s "$work/nginx.pid" ] && break
    sleep 0.1
done
[ -s "$work/env" ] || { echo "cachekit-server did not start:"; cat "$work/log"; exit 1; }
set -a; . "$work/env"; set +a
worker="$(pgrep -P "$nginx")"
for size in 100 16384; do
    curl --silent --fail --cacert "$CACHEKIT_CA_FILE" --request PUT --data-binary "@$work/www/value-$size" \
        --header "Authorization: Bearer $CACHEKIT_API_KEY" --header 'Content-Type: application/octet-stream' \
        "https://localhost:$HTTPS/v1/cache/value-$size" >/dev/null
    redis-cli -p "$REDIS" -x set "value-$size" <"$work/www/value-$size" >/dev/null
done

# Clock ticks a process has used, and the most memory it ever held in KiB.
ticks() { sed 's/.*) //' "/proc/$1/stat" | awk '{ print $12 + $13 }'; }
peak() { awk '/^VmHWM/ { print $2 }' "/proc/$1/status"; }
hertz="$(getconf CLK_TCK)"

# measure NAME PID COMMAND...: runs the command, which prints requests per second as the last word.
measure() {
    local name="$1" pid="$2" before after began ended rate
    shift 2
    before="$(ticks "$pid")"
    began="$(date +%s.%N)"
    rate="$("$@")"
    ended="$(date +%s.%N)"
    after="$(ticks "$pid")"
    awk -v name="$name" -v rate="$rate" -v ticks=$((after - before)) -v hertz="$hertz" -v n="$REQUESTS" \
        -v time="$(echo "$ended - $began" | tr -d ' ' | awk -F- '{ print $1 - $2 }')" 'BEGIN {
            printf "%s %.0f %.2f %.0f\n", name, rate, ticks / hertz * 1e6 / n, 100 * ticks / hertz / time }' \
        >>"$work/samples"
}
over_h2() {
    local output
    output="$(taskset -c "$CLIENT_CORE" h2load -n "$REQUESTS" -c "$CONNECTIONS" -m "$STREAMS" -t 1 "$@")"
    if ! grep -q "status codes: $REQUESTS 2xx, 0 3xx, 0 4xx, 0 5xx" <<<"$output"; then
        echo "not all answers were good:" >&2
        echo "$output" >&2
        return 1
    fi
    awk '/^finished in/ { print $4 }' <<<"$output"
}
over_redis() {
    local output
    output="$(taskset -c "$CLIENT_CORE" redis-benchmark -n "$REQUESTS" --csv "$@")"
    awk -F'"' 'END { print $4 }' <<<"$output"
}

for _ in $(seq "$ROUNDS"); do
    for size in 100 16384; do
        measure "cachekit-server_$size" "$cachekit" over_h2 \
            --header "authorization: Bearer $CACHEKIT_API_KEY" "https://localhost:$HTTPS/v1/cache/value-$size"
        measure "nginx_$size" "$worker" over_h2 "https://localhost:$NGINX/value-$size"
        measure "redis_$size" "$redis" over_redis -p "$REDIS" -c $((CONNECTIONS * STREAMS)) get "value-$size"
        measure "redis,_pipelined_$size" "$redis" \
            over_redis -p "$REDIS" -c "$CONNECTIONS" -P "$STREAMS" get "value-$size"
        measure "redis,_pipelined,_TLS_$size" "$redis" \
            over_redis -p "$REDIS_TLS" --tls --insecure -c "$CONNECTIONS" -P "$STREAMS" get "value-$size"
    done
done

echo "$CONNECTIONS connections with $STREAMS requests each under way (redis: the same number of connections" \
    "without pipelining); $REQUESTS requests, $ROUNDS rounds, medians"
median() { awk -v name="$1" -v column="$2" '$1 == name { print $column }' "$work/samples" | sort -n |
    awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { if (b > 0) printf "%.2f", a / b; else printf "-" }'; }
printf '%-36s %10s %10s %10s %12s %12s\n' server req/s 'CPU us' 'busy %' 'rate ratio' 'CPU ratio'
for size in 100 16384; do
    ours="$(median "cachekit-server_$size" 2)" cpu="$(median "cachekit-server_$size" 3)"
    for name in cachekit-server nginx redis redis,_pipelined redis,_pipelined,_TLS; do
        its_rate="$(median "${name}_$size" 2)" its_cpu="$(median "${name}_$size" 3)"
        printf '%-36s %10s %10s %10s %11sx %11sx\n' "${name//_/ }, $size B" "$its_rate" "$its_cpu" \
            "$(median "${name}_$size" 4)" "$(ratio "$ours" "$its_rate")" "$(ratio "$cpu" "$its_cpu")"
    done
done
ours="$(peak "$cachekit")" theirs=$(($(peak "$nginx") + $(peak "$worker"))) redis_peak="$(peak "$redis")"
printf 'peak memory: cachekit-server %s KiB, nginx %s KiB, redis-server %s KiB\n' "$ours" "$theirs" "$redis_peak"
awk -v a="$ours" -v b="$theirs" -v c="$redis_peak" 'BEGIN {
    printf "as a ratio: %.2fx nginx, %.2fx redis-server\n", a / b, a / c }'
