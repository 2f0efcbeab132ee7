"""The folders of the source tree whose ``make check`` runs a pg_regress, by version."""

from __future__ import annotations

from typing import Final

# Not among them: what needs a library that the build is without (pgcrypto, uuid-ossp, xml2, *_plperl, *_plpython), and
# modules with no tests but Perl's, which need IPC::Run (Debian's libipc-run-perl) and --enable-tap-tests.
_CONTRIB: Final = """
    amcheck auto_explain basic_archive bloom btree_gin btree_gist citext cube dblink dict_int dict_xsyn earthdistance
    file_fdw fuzzystrmatch hstore intarray isn lo ltree pageinspect passwordcheck pg_freespacemap pg_stat_statements
    pg_surgery pg_trgm pg_visibility pg_walinspect pgstattuple postgres_fdw seg tablefunc test_decoding tsm_system_rows
    tsm_system_time unaccent
"""
_CONTRIB_ONLY: Final = {"15": "adminpack", "17": "pg_buffercache pg_prewarm pgrowlocks tcn"}
# Unit tests of parts of the server, in C; the others there test hooks and build rules, or need Perl.
_UNITS: Final = """
    test_bloomfilter test_ginpostinglist test_integerset test_parser test_predtest test_rbtree test_regex test_shm_mq
"""
_UNITS_ONLY: Final = {"15": "", "17": "test_dsa test_lfind test_radixtree test_resowner test_slru test_tidstore"}


def contrib(version: str) -> tuple[str, ...]:
    """The modules of contrib that are tested."""
    return tuple(sorted((_CONTRIB + _CONTRIB_ONLY[_major(version)]).split()))


def units(version: str) -> tuple[str, ...]:
    """The modules of ``src/test/modules`` that are tested."""
    return tuple(sorted((_UNITS + _UNITS_ONLY[_major(version)]).split()))


def _major(version: str) -> str:
    return version.partition(".")[0]
