#!/bin/sh
# A steady load, told by its CPU time: a number of commands, and Lua, with one answer each that is known. As TAP.
# sh benchmark.sh SRC REQUESTS: SRC has the programs.
programs=$1
requests=$2
folder=$(mktemp -d /tmp/redis-load-XXXXXX) || exit 1 # a socket's path must be shorter than 108 bytes
n=0

ask() { "$programs/redis-cli" -s "$folder/socket" "$@" 2>&1 </dev/null; }

is() { # NAME EXPECTED GOT
    n=$((n + 1))
    [ "$2" = "$3" ] && echo "ok $n - $1" && return
    echo "not ok $n - $1"
    printf 'expected: %s\ngot: %s\n' "$2" "$3" | head -n 20 | sed 's/^/# /'
}

"$programs/redis-server" --port 0 --unixsocket "$folder/socket" --save "" --dir "$folder" >"$folder/log" 2>&1 </dev/null &
server=$!
trap 'kill $server 2>/dev/null; rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
tries=0
until [ "$(ask ping)" = PONG ]; do
    tries=$((tries + 1))
    [ $tries -lt 600 ] && kill -0 $server 2>/dev/null || { echo "Bail out! no server"; tail -n 3 "$folder/log"; exit 1; }
    sleep 0.1
done

echo 1..6
"$programs/redis-benchmark" -s "$folder/socket" -q -c 4 -P 16 -n "$requests" \
    -t set,get,incr,lpush,lpop,sadd,hset,zadd,lrange_100 >/dev/null 2>&1 </dev/null
is benchmark 0 $?
is "every INCR counted" "$requests" "$(ask get counter:__rand_int__)"
is "a list grows and shrinks" "$requests" "$(ask llen mylist)" # as many LPUSHes again for LRANGE, and LPOPs
# The minimal standard generator (Park and Miller, 1988): its 10,000th number is published.
is "the minimal standard" 1043618065 "$(ask eval "local x = 1 for i = 1, 10000 do x = x * 16807 % 2147483647 end return x" 0)"
is "a sorted set by a script" "$requests" "$(ask eval "for i = 1, $requests do
    redis.call('zadd', 'z', i * 7919 % 1000003, 'm' .. i) end return redis.call('zcard', 'z')" 0)"
ask shutdown nosave >/dev/null
wait $server
is "it ends as it is told" 0 $?
