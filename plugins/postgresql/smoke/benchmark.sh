#!/bin/sh
# A steady load, told by its CPU time: pgbench's transactions of one client, then a query, with known answers, as TAP.
# sh benchmark.sh PREFIX FOLDER TRANSACTIONS: PREFIX is the installation; FOLDER is made anew.
PATH=$1/bin:$PATH
LD_LIBRARY_PATH=$1/lib
work=$2
transactions=$3
n=0
PGUSER=load PGDATABASE=postgres PGPORT=65433 PGTZ=UTC PGCTLTIMEOUT=600
PGHOST=$(mktemp -d /tmp/pg-load-XXXXXX) || exit 1 # a socket's path must be shorter than 108 bytes
export PATH LD_LIBRARY_PATH PGUSER PGDATABASE PGPORT PGTZ PGCTLTIMEOUT PGHOST
data=$work/data

is() { # NAME EXPECTED GOT
    n=$((n + 1))
    [ "$2" = "$3" ] && echo "ok $n - $1" && return
    echo "not ok $n - $1"
    printf 'expected: %s\ngot: %s\n' "$2" "$3" | head -n 20 | sed 's/^/# /'
}

sql() { psql -XAtq -v ON_ERROR_STOP=1 -c "$1" 2>&1 </dev/null; }

trap 'pg_ctl -D "$data" -m immediate stop >/dev/null 2>&1; rm -rf "$PGHOST"' EXIT
trap 'exit 1' HUP INT TERM

echo 1..6
rm -rf "$work"
mkdir -p "$work" || exit 1
initdb -D "$data" -U "$PGUSER" -A trust -E UTF8 --no-locale --no-sync >"$work/initdb" 2>&1 </dev/null &&
    pg_ctl -D "$data" -l "$work/log" -o "-F -k $PGHOST -c listen_addresses='' -c autovacuum=off" -w start \
        >"$work/start" 2>&1 </dev/null || { echo "Bail out! no server"; tail -n 3 "$work/initdb" "$work/log"; exit 1; }
pgbench -i -q -s 2 >/dev/null 2>&1 </dev/null
is "pgbench's tables" 200000 "$(sql 'SELECT count(*) FROM pgbench_accounts')"
pgbench -n -t "$transactions" --random-seed=7 >/dev/null 2>&1 </dev/null
is "transactions" "$transactions" "$(sql 'SELECT count(*) FROM pgbench_history')"
is "the books balance" 1 "$(sql 'SELECT count(DISTINCT s) FROM (SELECT sum(abalance) FROM pgbench_accounts
    UNION ALL SELECT sum(tbalance) FROM pgbench_tellers UNION ALL SELECT sum(bbalance) FROM pgbench_branches
    UNION ALL SELECT sum(delta) FROM pgbench_history) b(s)')"
pgbench -n -S -t "$((transactions * 5))" --random-seed=7 >"$work/selects" 2>&1 </dev/null
is "selects" "$((transactions * 5))/$((transactions * 5))" "$(sed -n 's/^number of transactions actually processed: //p' "$work/selects")"
# Of the first million numbers: seven remainders, each number once, and their sum is Gauss's.
is "a join, sorted and grouped" "7|1000000|500000500000" "$(sql 'SELECT count(*), sum(c), sum(s) FROM (SELECT a.i % 7, count(*) c,
    sum(a.i) s FROM generate_series(1, 1000000) a(i) JOIN generate_series(1, 1000000) b(i) USING (i) GROUP BY 1 ORDER BY 1) g')"
pg_ctl -D "$data" -m fast stop >/dev/null 2>&1
is "it ends as it is told" 0 $?
