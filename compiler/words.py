"""Words that a wrapper script holds and that say nothing about the compiler behind it."""

from __future__ import annotations

_ORDINARY = """
[ awk base64 basename bash busybox cat chgrp chmod chown cmp comm cp cut dash date dd df diff dirname du echo ed env
expr false file find flock fmt grep egrep fgrep gawk getopt head hostname id import install join kill less link ln
locale logger look ls mawk md5sum mkdir mkfifo mktemp more mv nice nl nohup nproc od paste perl pgrep pkill printenv
printf ps pwd python python3 readlink realpath rename rm rmdir sed select seq setsid sh sha256sum shuf sleep sort
split stat stdbuf strings stty sum sync tac tail tar tee test time timeout touch tr true truncate tty type uname
unexpand uniq unlink uptime users wait wc which who whoami write xargs yes zsh ksh m4 make printargs script last view
sg w at from host
"""

_SUFFIXES = ".a .awk .c .cfg .conf .h .inc .ini .json .ld .o .pl .py .rsp .s .sed .sh .so .specs .toml .S"

# Not followed into the fingerprint: an update of coreutils is not another compiler.
ORDINARY_COMMANDS = frozenset(_ORDINARY.split())

# Of files that are no programs, those that a script's mention makes part of the compiler.
TELLING_SUFFIXES = tuple(_SUFFIXES.split())
