#!/bin/sh
# Runs tests of checkasm in the build folder, each for SECONDS as in fate.sh. Usage: checkasm.sh SECONDS TEST...
# The seed is always the same: a run that is repeated is the same run.
seconds=$1
shift
ulimit -S -t "$seconds"
for test; do
    echo "TEST $test"
    timeout -v -k 10 $((4 * seconds)) tests/checkasm/checkasm "--test=$test" 1 >checkasm.log 2>&1
    status=$?
    sed 's/^/    /' checkasm.log
    echo "EXIT $status"
done
