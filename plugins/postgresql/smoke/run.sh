#!/bin/sh
# Runs a pg_regress with an installation's programs, then shows what its log files say of failures, for the parser.
# sh run.sh PREFIX FOLDER COMMAND...: the programs are in PREFIX/bin, the files will be in FOLDER or FOLDER/output_iso.
prefix=$1
folder=$2
shift 2
PATH=$prefix/bin:$PATH
LD_LIBRARY_PATH=$prefix/lib
PGCTLTIMEOUT=900 # emulated or not optimised, a server needs more than its minute to start
PGISOLATIONTIMEOUT=900
TMPDIR=/tmp # for a socket, whose path must be shorter than 108 bytes
export PATH LD_LIBRARY_PATH PGCTLTIMEOUT PGISOLATIONTIMEOUT TMPDIR
mkdir -p "$folder" || exit 2
"$@"
status=$?
[ $status -eq 0 ] && exit 0
for each in "$folder" "$folder/output_iso"; do
    grep -h -A 1 'was terminated by signal' "$each/log/postmaster.log" 2>/dev/null | head -n 20
    [ -s "$each/regression.diffs" ] && head -c 16000000 "$each/regression.diffs"
    if [ $status -gt 1 ]; then # the tests could not be run
        for log in initdb postmaster; do
            [ -s "$each/log/$log.log" ] && echo "$log.log:" && tail -n 10 "$each/log/$log.log"
        done
    fi
done
[ $status -gt 1 ] || echo 'end of the differences'
exit $status
