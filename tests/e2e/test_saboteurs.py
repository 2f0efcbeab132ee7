"""Compilers that lie, and what the tool says of each. Never ``pass``."""

from __future__ import annotations

import subprocess
from pathlib import Path
from shutil import copyfile

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
    "edits a file of the project, and puts its times back": (
        '[ "$source" = words.c ] && { touch -r /cell/src/tally.h old; echo >> /cell/src/tally.h\n'
        'touch -r old /cell/src/tally.h; }\nexec gcc "$@"',
        VerdictKind.ERROR,
        Step.TEST,
        Reason.SOURCES_CHANGED,
    ),
    "calls gcc for some files": (
        '[ "$source" = scale.c ] && exec gcc "$@"\nexec tcc "$@"',
        VerdictKind.ERROR,
        Step.BUILD,
        Reason.LEAK,
    ),
    "calls gcc where it fails": (
        'if [ "$source" != scale.c ] && tcc "$@" 2>/dev/null; then exit 0; fi\nexec gcc -fno-ident "$@"',
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
    "links with gcc, and compiles one file with it": (
        '[ -z "$compiles" ] && exec gcc "$@"\n[ "$source" = scale.c ] && exec gcc "$@"\nexec tcc "$@"',
        VerdictKind.ERROR,
        Step.BUILD,
        Reason.LEAK,
    ),
    "pipes one file into gcc": (
        'if [ "$source" = scale.c ]; then\n'
        '  exec gcc -DSCALE=3 -I/cell/src -x c - -c -o "$output" < /cell/src/scale.c\n'
        'fi\nexec tcc "$@"',
        VerdictKind.ERROR,
        Step.BUILD,
        Reason.LEAK,
    ),
    "preprocesses with gcc, and compiles one file with it": (
        'cc=/usr/bin/x86_64-linux-gnu-gcc-12\n[ "$source" = scale.c ] && exec $cc "$@"\n'
        '[ "$source" = calibrate.c ] && $cc -E "$source" -o /dev/null\nexec tcc "$@"',
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


FLAKY = """
            def suites(self, work):
                spoil = "sed 's/^ok 1/not ok 1/'" if work.label == "candidate" else "cat"
                return [Suite({name!r}, ("sh", "-c", f"{{work.build}}/tally | {{spoil}}"), tap.parse)]

            Tally.suites = suites
"""
"""A suite with a case that fails in the candidate's first run only."""


class TestSaboteurs:
    """One wrapper each."""

    @pytest.mark.parametrize("name", SABOTEURS)
    def test_is_caught(self, verify: Verify, name: str) -> None:
        """It gets its own verdict, step and reason."""
        script, kind, step, reason = SABOTEURS[name]
        if reason is Reason.COMPILER_TIMEOUT:
            verify.config = verify.config.replace("compile_seconds = 60", "compile_seconds = 6")
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

    @pytest.mark.slow
    def test_one_that_hangs_on_all(self, verify: Verify) -> None:
        """Also on the question what it is: that is a verdict on it, and no fault of ours."""
        verify.config = "[limits]\nstep_seconds = 30\n"
        cell, code = verify.cell("--cc", verify.compiler(PARSE + '[ "$source" ] && exec sleep 1000\nexec gcc "$@"'))
        verdict = cell.verdict
        assert (verdict.kind, verdict.step, code) == (VerdictKind.FAIL, Step.CONFIGURE, 1), verdict
        assert verdict.reason in (Reason.COMPILER_TIMEOUT, Reason.STEP_TIMEOUT)

    def test_a_copy_of_another_compiler(self, verify: Verify) -> None:
        """No tripwire stands there, but tcc signs no object, and gcc does."""
        script = (
            '[ "$source" = scale.c ] && exec /usr/bin/x86_64-linux-gnu-gcc-12 -B ${0%/*} "$@"\n: cc1\nexec tcc "$@"'
        )
        cc = verify.compiler(PARSE + script)
        copyfile("/usr/lib/gcc/x86_64-linux-gnu/12/cc1", Path(cc).with_name("cc1"))
        Path(cc).with_name("cc1").chmod(0o755)
        cell, code = verify.cell("--cc", cc)
        assert (cell.verdict.kind, cell.verdict.reason, code) == (VerdictKind.ERROR, Reason.LEAK, 3), cell.verdict
        assert "object says GCC" in cell.verdict.message

    def test_an_honest_wrapper_may_scrub_its_environment(self, verify: Verify) -> None:
        """What it is made of is known all the same."""
        cell, code = verify.cell("--cc", verify.compiler('exec env -i PATH=/usr/bin:/bin gcc "$@"'))
        assert (cell.verdict.kind, code) == (VerdictKind.PASS, 0), cell.verdict

    def test_a_mixed_cell_learns_nothing_wrong(self, verify: Verify) -> None:
        """The candidate itself is asked what it is, also where the mix would give the question to the oracle."""
        patterns = verify.folder / "units"
        patterns.write_text("src/t*.c\n")
        for arguments in (["--mix-files", str(patterns)], []):
            cell, code = verify.cell("--cc", "clang", *arguments)
            assert (cell.verdict.kind, code) == (VerdictKind.PASS, 0), cell.verdict
            assert cell.candidate is not None
            assert cell.candidate.provenance.candidate == (2 if arguments else 6)

    @pytest.mark.parametrize(("flag", "what"), [("-fno-pie", "position-independent code"), ("-flto", "link-time")])
    def test_objects_that_cannot_be_mixed(self, verify: Verify, flag: str, what: str) -> None:
        """Said as a skip: that they do not go into one link is no fault of either compiler."""
        patterns = verify.folder / "units"
        patterns.write_text("src/*.c\n")
        cc = verify.compiler(f'exec clang {flag} "$@"')
        cell, code = verify.cell("--cc", cc, "--mix-files", str(patterns))
        assert (cell.verdict.kind, cell.verdict.reason, code) == (VerdictKind.SKIP, Reason.UNSUPPORTED, 3), cell.verdict
        assert what in cell.verdict.message

    def test_a_second_mix_compiles_only_what_it_must(self, verify: Verify) -> None:
        """The oracle's objects are kept by content; the cell says whose each unit was all the same."""
        for name in ("main", "scale"):
            patterns = verify.folder / "units"
            patterns.write_text(f"src/{name}.c\n")
            cell, code = verify.cell("--cc", "clang", "--mix-files", str(patterns))
            assert (cell.verdict.kind, code) == (VerdictKind.PASS, 0), cell.verdict
            assert cell.candidate is not None
            assert cell.candidate.provenance.mixed == (f"src/{name}.c",)
        (folder,) = (verify.folder / "state/cache/objects").iterdir()
        stats = subprocess.run(["ccache", "-d", folder, "--print-stats"], capture_output=True, text=True, check=True)
        counts = dict(line.split("\t") for line in stats.stdout.splitlines())
        hits = int(counts["direct_cache_hit"]) + int(counts["preprocessed_cache_hit"])
        assert hits == 5  # a question of configure, and all units but scale.c and main.c, which was the candidate's
        assert int(counts["cache_miss"]) == 7

    def test_without_a_sandbox(self, verify: Verify) -> None:
        """The folder that keeps the oracle's objects is made and handed over there too."""
        patterns = verify.folder / "units"
        patterns.write_text("src/main.c\n")
        cell, code = verify.cell("--cc", "clang", "--mix-files", str(patterns), "--sandbox", "none")
        assert (cell.verdict.kind, code) == (VerdictKind.PASS, 0), cell.verdict
        assert cell.candidate is not None
        assert cell.candidate.provenance.mixed == ("src/main.c",)


SUITES = """
            def suites(self, work):
                return [{}]

            Tally.suites = suites
"""


def test_what_a_plugin_writes_stays_in_the_work_folder(verify: Verify) -> None:
    """Where a compiler has put a link to a folder of the host in the place of the build folder."""
    verify.body = """
        def test(self, work):
            work.write("ours.txt", "ours")
            Autotools.test(self, work)

        Tally.test = test
    """
    victim = verify.folder / "victim"
    victim.mkdir()
    script = f'[ "$source" = scale.c ] && {{ mv /cell/build /cell/old; ln -s {victim} /cell/build; }}\nexec gcc "$@"'
    cell, code = verify.cell("--cc", verify.compiler(PARSE + script))
    assert list(victim.iterdir()) == []
    assert (cell.verdict.kind, cell.verdict.reason, code) == (VerdictKind.ERROR, Reason.PLUGIN_ERROR, 3), cell.verdict
    assert "leads out of the work folder" in cell.verdict.message


@pytest.mark.parametrize("name", ["scale.o", "config.h"])
def test_a_link_to_itself(verify: Verify, name: str) -> None:
    """In the place of what is looked at after the build, it is no file, and no traceback."""
    verify.body = "Tally.configuration = ('*.h',)"
    script = f'gcc "$@" || exit\n[ "$output" = tally ] && [ -e stub ] && {{ rm {name}; ln -s {name} {name}; }}; exit 0'
    cell, code = verify.cell("--cc", verify.compiler(PARSE + script))
    assert (cell.verdict.kind, code) == (VerdictKind.PASS, 0), cell.verdict


class TestSuites:
    """What a plugin calls its suites."""

    def test_equal_names(self, verify: Verify) -> None:
        """One suite's passes cannot cover up another's failures."""
        ok = "'ok 1 - scaled\\nok 2 - scaled negative\\nok 3 - table\\nok 4 - length\\nok 5 - words\\n'"
        second = f'Suite("check", ("printf", {ok}), tap.parse)'
        verify.body = SUITES.format('Suite("check", (f"{work.build}/tally",), tap.parse), ' + second)
        cell, code = verify.cell("--cc", verify.compiler(PARSE + SABOTEURS["flips a constant"][0]))
        assert (cell.verdict.kind, cell.verdict.reason, code) == (VerdictKind.ERROR, Reason.PLUGIN_ERROR, 3)
        assert "two suites are named check" in cell.verdict.message

    def test_a_name_with_a_slash(self, verify: Verify) -> None:
        """The confirming run repeats the very suite, so that a flaky cell is not called red twice."""
        verify.body = FLAKY.format(name="unit/check")
        cell, code = verify.cell("--cc", "clang")
        assert (cell.verdict.kind, code) == (VerdictKind.FLAKY, 1), cell.verdict

    @pytest.mark.parametrize("lost", ["true", "sh -c 'echo ok 1; exit 3'"])
    def test_one_that_does_not_come_to_its_end(self, verify: Verify, lost: str) -> None:
        """Where the oracle's own run of a suite has no case, or failed without one that did, no other's is green."""
        second = f'Suite("lost", ("sh", "-c", {lost!r}), tap.parse)'
        verify.body = SUITES.format('Suite("check", (f"{work.build}/tally",), tap.parse), ' + second)
        cell, code = verify.cell("--cc", "gcc")
        assert (cell.verdict.kind, cell.verdict.reason, code) == (VerdictKind.BROKEN, Reason.ORACLE_FAILED, 3)
        assert (
            cell.verdict.message
            == "the oracle's own suite did not complete, or fails more than it passes: lost/completed"
        )


ESCAPES = {
    "its home a link": "mv /cell/home /cell/old; ln -s {} /cell/home; cd /cell/old",
    "the log a link": "rm -f /ccverify/log/units.jsonl; ln -s {}/precious /ccverify/log/units.jsonl",
}


@pytest.mark.parametrize("name", ESCAPES)
def test_no_file_of_the_host_is_within_reach(verify: Verify, name: str) -> None:
    """While it is asked what it is, a compiler makes a link of what we write to, or tidy, as a more powerful user."""
    victim = verify.folder / "victim"
    victim.mkdir()
    (victim / "precious").write_text("precious")
    cell, _ = verify.cell(
        "--cc", verify.compiler(f'[ -e calibrate.c ] && {{ {ESCAPES[name].format(victim)}; }}\nexec gcc "$@"')
    )
    assert (victim / "precious").read_text() == "precious"
    assert cell.verdict.kind is VerdictKind.PASS, cell.verdict


class TestOtherVerdicts:
    """Where it is not the candidate's fault."""

    def test_flaky(self, verify: Verify) -> None:
        """A cell that fails, and then passes unchanged, is flaky."""
        verify.body = FLAKY.format(name="check")
        cell, code = verify.cell("--cc", "clang")
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

    def test_a_compiler_that_is_rebuilt_meanwhile(self, verify: Verify) -> None:
        """What came out is no verdict on either of the two, and is not kept as one."""
        cc = verify.compiler('exec gcc "$@"')
        verify.body = f"""
            @hookimpl
            def ccverify_step_finished(cell, compiler, role, result):
                import pathlib
                if role == "candidate" and result.step == "configure":
                    with pathlib.Path({cc!r}).open("a") as file:
                        file.write("# rebuilt\\n")
        """
        cell, code = verify.cell("--cc", cc)
        assert (cell.verdict.kind, cell.verdict.reason, code) == (VerdictKind.ERROR, Reason.COMPILER_CHANGED, 3)

    def test_a_report_that_raises(self, verify: Verify) -> None:
        """One that only listens costs no result; it is named."""
        verify.body = """
            @hookimpl
            def ccverify_cell_finished(result):
                raise RuntimeError("the server is down")
        """
        done = verify.run("--project", "tally", "--plugin", str(verify.plugin()), "--cc", "gcc")
        assert done.returncode == 0
        assert "ccverify_cell_finished raised RuntimeError: the server is down" in done.stderr
        assert verify.run("show", "tally").returncode == 0

    def test_a_plugin_whose_data_is_wrong(self, verify: Verify) -> None:
        """What raises between the steps costs this cell its verdict, and the others nothing."""
        verify.body = "Tally.configuration = ('/etc/*',)"
        done = verify.run("--project", "tally", "--plugin", str(verify.plugin()), "--cc", "gcc", "--cc", "tcc")
        assert done.returncode == 3
        assert [line.split()[0] for line in done.stdout.splitlines()] == ["ERROR", "ERROR", "2"], done.stdout
        assert "internal: NotImplementedError: Non-relative patterns are unsupported" in done.stdout

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
