"""Compilers that lie, and what the tool says of each. Never ``pass``."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import Verify
from verifiers.results import Reason, Step, VerdictKind

# The source file among the arguments, the output after -o, and whether it compiles.
PARSE = """
source= output= compiles= previous=
for word in "$@"; do
    case $word in *.c) source=${word##*/};; -c) compiles=1;; esac
    [ "$previous" = -o ] && output=$word
    previous=$word
done
"""

SABOTEURS = {
    "flips a constant": (
        'if [ "$source" = scale.c ]; then\n'
        '  for word in "$@"; do case $word in */scale.c) d=$(dirname "$word");; esac; done\n'
        '  sed "s/+ 7/+ 8/" "$d/scale.c" > scale-bad.c\n'
        '  exec gcc -DSCALE=3 -I"$d" -c scale-bad.c -o "$output"\n'
        'fi\nexec gcc "$@"',
        VerdictKind.FAIL,
        Step.TEST,
        Reason.WRONG_RESULT,
    ),
    "drops one object": (
        '[ "$source" = text.c ] && exit 0\nexec gcc "$@"',
        VerdictKind.FAIL,
        Step.BUILD,
        Reason.FALSE_SUCCESS,
    ),
    "crashes on one file": (
        '[ "$source" = table.c ] && kill -SEGV $$\nexec gcc "$@"',
        VerdictKind.FAIL,
        Step.BUILD,
        Reason.COMPILER_CRASH,
    ),
    "hangs": (
        'trap "" TERM\nif [ "$source" = table.c ]; then while :; do sleep 1; done; fi\nexec gcc "$@"',
        VerdictKind.FAIL,
        Step.BUILD,
        Reason.COMPILER_TIMEOUT,
    ),
    "eats memory": (
        '[ "$source" = table.c ] && exec perl -e \'my @a; push @a, "x" x 50_000_000 for 1 .. 200\'\nexec gcc "$@"',
        VerdictKind.FAIL,
        Step.BUILD,
        Reason.COMPILER_OUT_OF_MEMORY,
    ),
    "prints errors and exits 0": (
        'if [ "$source" = text.c ]; then echo "text.c:2:5: error: sorry" >&2; exit 0; fi\nexec gcc "$@"',
        VerdictKind.FAIL,
        Step.BUILD,
        Reason.FALSE_SUCCESS,
    ),
    "prints errors, makes the object and exits 0": (
        'if [ "$source" = text.c ]; then echo "text.c:2:5: error: sorry" >&2; fi\nexec gcc "$@"',
        VerdictKind.FAIL,
        Step.BUILD,
        Reason.FALSE_SUCCESS,
    ),
    "exits 1 having done its work": (
        'gcc "$@"; status=$?\n[ "$source" = text.c ] && exit 1\nexit $status',
        VerdictKind.FAIL,
        Step.BUILD,
        Reason.FALSE_FAILURE,
    ),
    "ignores every flag": (
        'set -- "$source"; [ -n "$compiles" ] || exit 0\nexec gcc -c ./*/"$1" -o "$output"',
        VerdictKind.FAIL,
        Step.CONFIGURE,
        Reason.CONFIGURE_FAILED,
    ),
    "ignores -D": (
        'for word in "$@"; do shift; case $word in -D*) ;; *) set -- "$@" "$word";; esac; done\nexec gcc "$@"',
        VerdictKind.FAIL,
        Step.TEST,
        Reason.WRONG_RESULT,
    ),
    "calls gcc for some files": (
        '[ "$source" = scale.c ] && exec gcc "$@"\nexec tcc "$@"',
        VerdictKind.ERROR,
        Step.BUILD,
        Reason.LEAK,
    ),
    "calls gcc by its full path for some files": (
        '[ "$source" = scale.c ] && exec /usr/bin/x86_64-linux-gnu-gcc-12 "$@"\nexec tcc "$@"',
        VerdictKind.ERROR,
        Step.BUILD,
        Reason.LEAK,
    ),
    "links with undefined symbols": (
        'if [ "$output" = tally ] && [ -z "$compiles" ]; then\n'
        '  for word in "$@"; do shift; [ "$word" = table.o ] || set -- "$@" "$word"; done\n'
        '  exec gcc -Wl,--unresolved-symbols=ignore-all "$@"\nfi\nexec gcc "$@"',
        VerdictKind.FAIL,
        Step.TEST,
        Reason.TEST_CRASH,
    ),
    "leaves the last output in place": (
        'if [ "$output" = tally ] && [ -e stub ]; then exit 0; fi\nexec gcc "$@"',
        VerdictKind.FAIL,
        Step.BUILD,
        Reason.FALSE_SUCCESS,
    ),
    "writes an empty object": (
        'if [ "$source" = text.c ]; then : > "$output"; exit 0; fi\nexec gcc "$@"',
        VerdictKind.FAIL,
        Step.BUILD,
        Reason.FALSE_SUCCESS,
    ),
    "writes messages without end": (
        'if [ "$source" = text.c ]; then exec yes "text.c: warning: again" >&2; fi\nexec gcc "$@"',
        VerdictKind.FAIL,
        Step.BUILD,
        Reason.COMPILER_OUTPUT_LIMIT,
    ),
    "links a program that prints nothing and exits 0": (
        'if [ "$output" = tally ] && [ -e stub ]; then exec gcc -o tally stub.o; fi\nexec gcc "$@"',
        VerdictKind.FAIL,
        Step.TEST,
        Reason.MISSING_CASES,
    ),
}


class TestSaboteurs:
    """One wrapper each."""

    @pytest.mark.parametrize("name", SABOTEURS)
    def test_is_caught(self, verify: Verify, name: str) -> None:
        """It gets its own verdict, step and reason."""
        script, kind, step, reason = SABOTEURS[name]
        cell, code = verify.cell("--cc", verify.compiler(PARSE + script))
        verdict = cell.verdict
        assert (verdict.kind, verdict.step, verdict.reason) == (kind, step, reason), verdict
        assert code == (1 if kind is VerdictKind.FAIL else 3)
        assert cell.confirmed == (kind is VerdictKind.FAIL)

    @pytest.mark.parametrize("cc", ["gcc", "clang", "tcc"])
    def test_honest_compilers_pass(self, verify: Verify, cc: str) -> None:
        """What they all have in common with the saboteurs is not what is held against those."""
        cell, code = verify.cell("--cc", cc)
        assert (cell.verdict.kind, code) == (VerdictKind.PASS, 0), cell.verdict
        assert cell.verdict.compared == 5
        assert cell.candidate is not None
        made = cell.candidate.provenance
        assert (made.candidate, made.host, made.leaks) == (made.units, 1, ())
        assert made.units == 6

    def test_an_honest_wrapper_passes_and_is_known(self, verify: Verify) -> None:
        """A wrapper around gcc is gcc, and the result says so."""
        cell, code = verify.cell("--cc", verify.compiler('exec gcc "$@"'))
        assert (cell.verdict.kind, code) == (VerdictKind.PASS, 0), cell.verdict
        assert cell.candidate is not None
        assert cell.candidate.compiler.engine == "gcc"


class TestOtherVerdicts:
    """Where it is not the candidate's fault."""

    def test_flaky(self, verify: Verify) -> None:
        """A cell that fails, and then passes unchanged, is flaky."""
        bad = verify.folder / "compiler" / "bad"
        script = (
            PARSE
            + f'if [ -e "{bad}" ] && [ "$source" = scale.c ]; then set -- "$@" -DSCALE=4 -USCALE; fi\nexec gcc "$@"'
        )
        cc = verify.compiler(script)
        bad.touch()
        verify.body = f"""
            @hookimpl
            def ccverify_step_finished(cell, compiler, role, result):
                import pathlib
                if role == "candidate" and result.step == "test":
                    pathlib.Path({str(bad)!r}).unlink(missing_ok=True)
        """
        cell, code = verify.cell("--cc", cc)
        assert (cell.verdict.kind, code) == (VerdictKind.FLAKY, 1), cell.verdict

    def test_broken(self, verify: Verify) -> None:
        """Where the oracle fails as well, it is not the candidate's fault."""
        verify.changes = {"text.c": "this is not C\n"}
        cell, code = verify.cell("--cc", "clang")
        assert (cell.verdict.kind, cell.verdict.reason, code) == (VerdictKind.BROKEN, Reason.ORACLE_FAILED, 3)

    def test_no_tests(self, verify: Verify) -> None:
        """A test step that runs nothing proves nothing."""
        verify.changes = {"main.c": "int main(void) { return 0; }\n"}
        cell, code = verify.cell("--cc", "clang")
        assert (cell.verdict.kind, cell.verdict.reason, code) == (VerdictKind.ERROR, Reason.NO_TESTS, 3)

    def test_a_build_that_falls_back_to_gcc(self, verify: Verify) -> None:
        """A recipe whose build calls another compiler than CC makes no green cell."""
        makefile = (verify_tree() / "Makefile.in").read_text()
        verify.changes = {
            "Makefile.in": makefile.replace("table.o text.o", "table.o text.o").replace(
                "words.o: words.h", "words.o: words.h\n\tgcc $(CFLAGS) -c -o $@ $(SRC)/words.c"
            )
        }
        cell, code = verify.cell("--cc", "clang")
        assert (cell.verdict.kind, cell.verdict.reason, code) == (VerdictKind.ERROR, Reason.LEAK, 3), cell.verdict

    def test_a_build_that_ignores_cc(self, verify: Verify) -> None:
        """So does one that never asks the candidate."""
        makefile = (verify_tree() / "Makefile.in").read_text()
        verify.changes = {"Makefile.in": makefile.replace("CC = @CC@", "CC = /usr/bin/gcc")}
        cell, code = verify.cell("--cc", "clang")
        assert (cell.verdict.kind, code) == (VerdictKind.ERROR, 3), cell.verdict
        assert cell.verdict.reason in (Reason.LEAK, Reason.NO_UNITS)

    @pytest.mark.parametrize(
        ("step", "line"),
        [("configure", "raise ValueError('oops')"), ("build", "return 7"), ("test", "import time; time.sleep(1000)")],
    )
    def test_a_plugin_gone_wrong(self, verify: Verify, step: str, line: str) -> None:
        """A plugin that raises, returns rubbish or hangs makes its own cell an error."""
        verify.config += "plugin_seconds = 3\n"
        verify.body = f"""
            @hookimpl(tryfirst=True)
            def ccverify_{step}(work):
                {line}
        """
        cell, code = verify.cell("--cc", "clang")
        assert (cell.verdict.kind, cell.verdict.reason, code) == (VerdictKind.ERROR, Reason.PLUGIN_ERROR, 3)


def verify_tree():  # type: ignore[no-untyped-def]
    from tests.e2e.fake import TREE

    return TREE
