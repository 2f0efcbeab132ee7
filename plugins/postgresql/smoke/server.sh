#!/bin/sh
# A server's life as TAP: made, loaded, crashed, recovered, dumped, copied, damaged. sh server.sh PREFIX FOLDER VERSION:
# PREFIX is the installation; FOLDER is made anew. Every expected answer is written here.
PATH=$1/bin:$PATH
LD_LIBRARY_PATH=$1/lib
work=$2
version=$3
n=0
export PATH LD_LIBRARY_PATH
PGUSER=smoke PGDATABASE=postgres PGPORT=65432 PGTZ=UTC PGCTLTIMEOUT=600
export PGUSER PGDATABASE PGPORT PGTZ PGCTLTIMEOUT
PGHOST=$(mktemp -d /tmp/pg-smoke-XXXXXX) || exit 1 # a socket's path must be shorter than 108 bytes
export PGHOST
data=$work/data
backup=$work/backup

result() { # STATUS NAME DETAIL
    n=$((n + 1))
    [ "$1" -eq 0 ] && echo "ok $n - $2" && return
    echo "not ok $n - $2"
    printf '%s\n' "$3" | head -n 20 | sed 's/^/# /'
}

is() { # NAME EXPECTED GOT
    [ "$2" = "$3" ]
    result $? "$1" "expected: $2
got:      $3"
}

runs() { # NAME COMMAND...
    name=$1
    shift
    output=$("$@" 2>&1 </dev/null)
    result $? "$name" "$output"
}

sql() { # STATEMENT [DATABASE]
    psql -XAtq -v ON_ERROR_STOP=1 -c "$1" "${2:-postgres}" 2>&1 </dev/null
}

start() { # DATA LOG; its output must not go to ours, or a pipe would stay open as long as the server lives
    pg_ctl -D "$1" -l "$2" -o "-F -k $PGHOST -c listen_addresses=''" -w start >"$2.start" 2>&1 </dev/null
}

until_true() { # COMMAND...; tries for some minutes
    tries=0
    until "$@" >/dev/null 2>&1 </dev/null; do
        tries=$((tries + 1))
        [ $tries -lt 500 ] || return 1
        sleep 0.2
    done
}

asleep() { # is the session that the test left open in its sleep?
    [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(6%' AND pid <> pg_backend_pid()")" = 1 ]
}

gone() { # have the other sessions ended?
    [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'")" = 1 ]
}

leave_open() { # a session that has changed rows and neither commits nor ends
    psql -XAtq -c "BEGIN; INSERT INTO keep SELECT i FROM generate_series(1001, 3000) i; SELECT pg_sleep(6000)" \
        >/dev/null 2>&1 </dev/null &
    until_true asleep
}

kept='SELECT count(*), sum(id), count(DISTINCT t), md5(string_agg(t, chr(44) ORDER BY id)) FROM keep'
bank='SELECT (SELECT sum(abalance) FROM pgbench_accounts), (SELECT sum(tbalance) FROM pgbench_tellers),
    (SELECT sum(bbalance) FROM pgbench_branches), (SELECT sum(delta) FROM pgbench_history)'

plain_dump() { # DATABASE FILE; without the two lines that hold a random key
    pg_dump "$1" >"$2.raw" && grep -v -E '^\\(un)?restrict ' "$2.raw" >"$2"
}

control() { pg_controldata "$1" 2>&1 | sed -n "s/^$2: *//p"; }

trap 'for each in "$data" "$backup"; do pg_ctl -D "$each" -m immediate stop; done >/dev/null 2>&1; rm -rf "$PGHOST"' EXIT
trap 'exit 1' HUP INT TERM

echo 1..36
rm -rf "$work"
mkdir -p "$work" || exit 1
runs initdb initdb -D "$data" -U smoke -k -A trust -E UTF8 --no-locale --no-sync
[ -f "$data/PG_VERSION" ] || { echo "Bail out! no database"; exit 1; }
is "the control file" "shut down
8192
131072
8192
16777216
1
64-bit integers" "$(for field in 'Database cluster state' 'Database block size' 'Blocks per segment of large relation' \
    'WAL block size' 'Bytes per WAL segment' 'Data page checksum version' 'Date\/time type storage'; do
    control "$data" "$field"; done)"
is "its checksum is right" "" "$(pg_controldata "$data" 2>&1 | grep -i warning)"
is "single user mode" "	 1: answer = \"42\"	(typeid = 23, len = 4, typmod = -1, byval = t)" \
    "$(echo 'SELECT 6 * 7 AS answer' | postgres --single -D "$data" postgres 2>&1 | grep '= "')"
start "$data" "$work/log"
result $? start "$(cat "$work/log.start")"
is version "$version" "$(sql 'SHOW server_version')"
[ "$(sql 'SELECT 1')" = 1 ] || { echo "Bail out! no connection"; exit 1; }

# Concurrent transactions: TPC-B keeps its books balanced, and its random numbers are the same everywhere.
runs "pgbench's tables" pgbench -i -q -s 1
runs "400 concurrent transactions" pgbench -n -c 4 -j 2 -t 100 --random-seed=7
is "all of them" 400 "$(sql 'SELECT count(*) FROM pgbench_history')"
is "with those random numbers" "-38396|19567912|-4181135507|10" "$(sql 'SELECT sum(delta), sum(aid), sum(aid::int8 * delta), count(DISTINCT tid) FROM pgbench_history')"
is "the books balance" 1 "$(sql "SELECT count(DISTINCT v) FROM ($bank) t(a, b, c, d), unnest(array[a, b, c, d]) v")"

# A backend is killed in a transaction: the server restarts itself, what was committed stays and nothing else.
is "committed rows" "1000|500500|1000|5aa14879f8bb492bd62f332c5310d7c1" "$(sql "CREATE TABLE keep (id int PRIMARY KEY, t text);
    INSERT INTO keep SELECT i, md5(i::text) FROM generate_series(1, 1000) i; CREATE INDEX keep_t ON keep (t)"; sql "$kept")"
leave_open
result $? "an open transaction" ""
kill -9 "$(sql "SELECT pid FROM pg_stat_activity WHERE query LIKE '%pg_sleep(6%' AND pid <> pg_backend_pid()")"
result $? "a backend is killed" ""
wait
until_true sql 'SELECT 1'
until_true gone
is "the server restarted itself" 1 "$(grep -c 'all server processes terminated; reinitializing' "$work/log")"
is "what was committed is there" "1000|500500|1000|5aa14879f8bb492bd62f332c5310d7c1" "$(sql "$kept")"

# The whole server is stopped at once, with much in its log that is not yet in the files.
leave_open
is "changes before the crash" 1500 "$(sql "CHECKPOINT"; sql "UPDATE keep SET t = md5(t) WHERE id % 2 = 0;
    INSERT INTO keep SELECT i, md5(i::text) FROM generate_series(5001, 5500) i; DELETE FROM pgbench_history WHERE tid > 5;
    CREATE TABLE late AS SELECT i, repeat(md5(i::text), 200) AS v FROM generate_series(1, 300) i";
    sql 'SELECT count(*) FROM keep')"
before=$(sql "$kept; $bank; SELECT count(*), sum(length(v)), md5(string_agg(v, chr(44) ORDER BY i)) FROM late; SELECT count(*) FROM pgbench_history")
runs "stopped at once" pg_ctl -D "$data" -m immediate stop
wait
is "as in a crash" "in production" "$(control "$data" 'Database cluster state')"
start "$data" "$work/log2"
result $? "start after the crash" "$(cat "$work/log2")"
is "the log was replayed" 1 "$(grep -c 'redo done at' "$work/log2")"
is "nothing is lost" "$before" "$(sql "$kept; $bank; SELECT count(*), sum(length(v)), md5(string_agg(v, chr(44) ORDER BY i)) FROM late; SELECT count(*) FROM pgbench_history")"
is "by an index too" "774|34d7b65a997c9b4bf39febe5e55d70f5" "$(sql "SET enable_seqscan = off; SELECT count(*), md5(string_agg(id::text, chr(44) ORDER BY t)) FROM keep WHERE t < '8'")"

# Dumped and restored, as text and in parallel.
sql "CREATE SCHEMA odd; CREATE TABLE odd.\"a'b\" (x float8 DEFAULT 0.1, y text[], z numeric(10,3) CHECK (z > 0));
    INSERT INTO odd.\"a'b\" VALUES (1e-300, '{\"q\\\"\",NULL}', 1.5), ('NaN', '{}', 99999.999), (0.1::float8 + 0.2, E'{\"l\\nt\\t\"}', 7);
    CREATE VIEW odd.v AS SELECT sum(z) OVER w AS s FROM odd.\"a'b\" WINDOW w AS (ORDER BY x);
    COMMENT ON VIEW odd.v IS 'it''s'" >/dev/null
plain_dump postgres "$work/one.sql"
result $? pg_dump ""
runs restore sh -c "createdb second && psql -Xq -v ON_ERROR_STOP=1 -f '$work/one.sql' second"
plain_dump second "$work/two.sql"
runs "a dump of what was restored is the same" cmp "$work/one.sql" "$work/two.sql"
runs "parallel dump and restore" sh -c "pg_dump -Fd -Z0 -j2 -f '$work/folder' second && createdb third && pg_restore -j2 -d third '$work/folder'"
is "the same rows" "$(sql "$kept; $bank; TABLE odd.v")" "$(sql "$kept; $bank; TABLE odd.v" third)"

# A copy of the running server is a server.
runs "pg_basebackup and pg_verifybackup" sh -c "pg_basebackup -D '$backup' -X fetch -c fast --no-sync && pg_verifybackup '$backup'"
case $version in 15.*) crc=8a744722 ;; 17.*) crc=64440205 ;; esac # CRC-32C of "15\n" and "17\n", low byte first
is "CRC-32C as its standard has it" "$crc" \
    "$(sed -n 's/.*"Path": "PG_VERSION".*"CRC32C", "Checksum": "\([0-9a-f]*\)".*/\1/p' "$backup/backup_manifest")"
runs "vacuumdb and reindexdb" sh -c "vacuumdb -q -a -z -F && reindexdb -q postgres"
file=$data/$(sql "SELECT pg_relation_filepath('late')")
runs stop pg_ctl -D "$data" -m fast stop

# Checksums: right, then one page of a table is damaged.
is "the checksums are right" "Bad checksums:  0" "$(pg_checksums --check -D "$data" 2>&1 | grep Bad)"
printf 'ccverify' | dd of="$file" bs=1 seek=5000 conv=notrunc 2>/dev/null
is "a damaged page is found" "Bad checksums:  1" "$(pg_checksums --check -D "$data" 2>&1 | grep Bad)"
start "$data" "$work/log3"
is "and not read" "ERROR:  invalid page in block 0 of relation" "$(sql 'SELECT count(v) FROM late' | grep -o '^ERROR.*relation')"
pg_ctl -D "$data" -m immediate stop >/dev/null 2>&1
start "$backup" "$work/log4"
is "the copy starts and has the rows" "$before" "$(sql "$kept; $bank; SELECT count(*), sum(length(v)), md5(string_agg(v, chr(44) ORDER BY i)) FROM late; SELECT count(*) FROM pgbench_history")"
