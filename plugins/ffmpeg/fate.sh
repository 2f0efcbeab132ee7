#!/bin/sh
# Runs FATE tests in the build folder. Usage: fate.sh SECONDS TEST...
# A program of a test is ended after SECONDS of CPU time, or four times that without: a loaded machine is no hang.
# Prints what make says, indented, and a line a test: REP and its report.
# Some hundred tests a make: what was printed stays, whatever comes after.
seconds=$1
shift
ulimit -S -t "$seconds"

run() {
    for test; do rm -f "tests/data/fate/$test.rep"; done
    for test; do set -- "$@" "fate-$test"; shift; done
    make -k TARGET_EXEC="timeout -v -k 10 $((4 * seconds))" "$@" >fate.log 2>&1
    status=$?
    sed 's/^/    /' fate.log
    for target; do
        test=${target#fate-}
        if [ -s "tests/data/fate/$test.rep" ]; then sed 's/^/REP /' "tests/data/fate/$test.rep"
        else echo "REP $test:not run::"; fi
    done
    [ $status -le 2 ] || exit $status # 2: some test failed
}

while [ $# -gt 0 ]; do
    batch=
    count=0
    while [ $# -gt 0 ] && [ $count -lt 300 ]; do
        batch="$batch $1"
        count=$((count + 1))
        shift
    done
    run $batch
done
