"""Which of Redis' test units (files of ``tests/``) are run, at which depth, and why some are not."""

from __future__ import annotations

from typing import Final

from verifiers.results import Depth

_STANDARD: Final = {
    "unit": (
        "hyperloglog type/list-3 type/stream scripting type/zset type/set aofrw dump type/string type/list expire "
        "other scan sort type/hash functions multi auth protocol keyspace info info-command type/incr "
        "type/stream-cgroups quit acl acl-v2 pubsub pubsubshard slowlog introspection introspection-2 limits bitops "
        "bitfield lazyfree wait pause querybuf tracking shutdown networking violations replybufsize cluster/misc"
    ),
    "integration": (
        "redis-cli aof rdb corrupt-dump aof-multi-part redis-benchmark convert-zipmap-hash-on-load "
        "convert-ziplist-hash-on-load convert-ziplist-zset-on-load logging dismiss-mem"
    ),
}
"""The longest ones first, as suites run side by side. Replication, and what waits most of its time, is in the next."""

_FULL: Final = {
    "unit": "maxmemory geo type/list-2 client-eviction memefficiency latency-monitor oom-score-adj cluster/links",
    "integration": (
        "replication replication-psync replication-2 replication-4 psync2-master-restart psync2 replication-3 "
        "block-repl replication-buffer psync2-reg psync2-pingoff shutdown failover corrupt-dump-fuzzer"
    ),
}

_STANDARD_ONLY: Final = {
    "7": {"unit": "cluster-scripting"},
    "8": {"unit": "type/hash-field-expire cluster/scripting cluster/internal-secret"},
}
"""What only one major version has."""

_FULL_ONLY: Final = {
    "7": {"unit": "cluster pendingquerybuf"},
    "8": {
        "unit": (
            "info-keysizes cluster/announced-endpoints cluster/cli cluster/failure-marking cluster/hostnames "
            "cluster/human-announced-nodename cluster/multi-slot-operations cluster/sharded-pubsub "
            "cluster/slot-ownership"
        ),
        "integration": "aof-race replication-rdbchannel",
    },
}

NOT_RUN: Final = {
    "unit/printver": "prints the version; it has no test",
    "unit/obuf-limits": "publishes until the kernel's socket buffers are full: 20 minutes did not do at a load of 15",
    "unit/tls": "has tests only with TLS, which is not built",
    "unit/cluster/cluster-response-tls": "has tests only with TLS, which is not built",
}
"""Units that are never run, with the reason."""


_EMULATED: Final = {
    "unit": (
        "type/hash acl bitfield functions type/stream-cgroups auth keyspace multi acl-v2 protocol pubsub slowlog "
        "info-command quit type/incr"
    )
}
"""Those that stand an emulator's pace, at every depth: with qemu-user together half a minute of CPU time."""


def units(version: str, depth: Depth, emulated: bool = False) -> tuple[str, ...]:
    """The units of a version that a depth runs, the longest first."""
    if depth is Depth.SMOKE:
        return ()
    if emulated:
        return _named(_EMULATED)
    major = version.partition(".")[0]
    standard = _named(_STANDARD) + _named(_STANDARD_ONLY[major])
    return standard if depth is Depth.STANDARD else _named(_FULL) + _named(_FULL_ONLY[major]) + standard


def _named(folders: dict[str, str]) -> tuple[str, ...]:
    return tuple(f"{folder}/{name}" for folder, names in folders.items() for name in names.split())
