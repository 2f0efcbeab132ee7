"""The torture plugin: its reading of directives, its plan, its labels and its runner."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import pytest

from compiler.arches import arch, arches
from plugins import gcc_torture
from plugins.gcc_torture import dg, labels, plan, sources
from plugins.gcc_torture.scan import scan
from plugins.gcc_torture.targets import Target, UnknownTarget
from plugins.gcc_torture.tcl import BadList, split
from verifiers.archive import extract
from verifiers.fetch import Fetcher
from verifiers.results import CaseOutcome, Depth, TestCase
from verifiers.state import State, default_state
from verifiers.testformats import torture

if TYPE_CHECKING:
    from verifiers.workspace import Workspace

X86 = Target("x86_64")
I686 = Target("i686")


class TestTcl:
    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("", []),
            ("a b", ["a", "b"]),
            ('dg-options "-O2 -w" { target { a && { ! b } } }', ["dg-options", "-O2 -w", " target { a && { ! b } } "]),
            (r'"a \"b\" \[c\]" {}', ['a "b" [c]', ""]),
        ],
    )
    def test_words(self, text: str, words: list[str]) -> None:
        assert split(text) == words

    @pytest.mark.parametrize("text", ["{ a", '"a', "{ a { b }"])
    def test_what_is_not_closed(self, text: str) -> None:
        with pytest.raises(BadList):
            split(text)


class TestSelectors:
    @pytest.mark.parametrize(
        ("selector", "on_x86_64", "on_i686"),
        [
            ("i?86-*-* x86_64-*-*", True, True),
            ("x86_64-*-*", True, False),
            ("target { { i?86-*-* x86_64-*-* } && ia32 }", False, True),
            ("target { ! lp64 }", False, True),
            ("target { int128 || ia32 }", True, True),
            ('{ { hppa*-*-hpux* } && { ! lp64 } } || "nvptx-*-* pdp11-*-*"', False, False),
            ('target { { ! { { hppa*-*-hpux* } && { ! lp64 } } } && { ! "nvptx-*-* pdp11-*-*" } }', True, True),
        ],
    )
    def test_who_is_meant(self, selector: str, on_x86_64: bool, on_i686: bool) -> None:
        assert (X86.fits(selector), I686.fits(selector)) == (on_x86_64, on_i686)

    def test_what_is_not_known(self) -> None:
        """A guess would skip a test, or run one that cannot pass; so there is none."""
        with pytest.raises(UnknownTarget):
            X86.fits("no_such_target")
        with pytest.raises(UnknownTarget):
            Target("vax")

    def test_every_arch_has_a_table(self) -> None:
        assert all(Target(name) for name in arches())


class TestDirectives:
    def test_without_any(self) -> None:
        """A test is compiled without warnings, and run."""
        found = dg.read("int main (void) { return 0; }", X86, "run")
        assert (found.do, found.options, found.skip("-O2"), found.fails) == ("run", ("-w",), "", False)

    def test_options(self) -> None:
        """dg-options takes the place of -w, the last that fits; dg-additional-options are added to it."""
        text = (
            '/* { dg-additional-options "-fno-common" } */\n/* { dg-options "-fwrapv -g" } */\n'
            '/* { dg-options "-mno-mmx" { target { ia32 } } } */\n'
        )
        assert dg.read(text, X86, "run").options == ("-fwrapv", "-g", "-fno-common")
        assert dg.read(text, I686, "run").options == ("-mno-mmx", "-fno-common")

    def test_skips_by_level(self) -> None:
        """A skip that names options holds for the levels that have them; exclusions take it back."""
        text = '/* { dg-skip-if "too slow" { *-*-* } { "-O0" "-Os" } { "-fpic" } } */'
        found = dg.read(text, X86, "run")
        assert [found.skip(level) for level in ("-O0", "-O2", "-Os")] == [
            "dg-skip-if: too slow",
            "",
            "dg-skip-if: too slow",
        ]
        also = dg.read(text + '\n/* { dg-options "-fpic" } */', X86, "run")
        assert also.skip("-O0") == ""

    def test_skips_of_others(self) -> None:
        assert not dg.read('/* { dg-skip-if "" { avr-*-* m68k-*-* } } */', X86, "run").skips

    def test_requirements(self) -> None:
        """Decided by the arch, and named."""
        text = "/* { dg-require-effective-target int128 } */"
        assert dg.read(text, X86, "run").skip("-O2") == ""
        assert dg.read(text, I686, "run").skip("-O2") == "dg-require-effective-target int128"
        assert dg.read('/* { dg-require-dll "" } */', X86, "run").skip("-O0") == "dg-require-dll"

    def test_do(self) -> None:
        text = "/* { dg-do compile { target ia32 } } */"
        assert dg.read(text, I686, "assemble").do == "compile"
        assert dg.read(text, I686, "assemble").skip("-O2") == ""
        assert dg.read(text, X86, "assemble").skip("-O2")

    def test_errors_that_are_due(self) -> None:
        assert dg.read('int x[]; /* { dg-error "too large" } */', X86, "assemble").fails
        assert not dg.read('x /* { dg-error "a" "" { target { ! size32plus } } } */', X86, "assemble").fails

    def test_what_is_no_directive(self) -> None:
        """Without a blank inside its braces it is none, for DejaGnu as well."""
        assert not list(dg.directives("/* {dg-do run} */ struct { int dg; };"))

    def test_an_unknown_one(self) -> None:
        with pytest.raises(dg.UnknownDirective):
            dg.read("/* { dg-shiny-new 1 } */", X86, "run")


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A tree as upstream's, with 230 tests to execute, three for ieee, one for builtins and 30 to compile."""
    for folder in ("execute/ieee", "execute/builtins/lib", "compile"):
        (tmp_path / folder).mkdir(parents=True)
    for number in range(230):
        (tmp_path / f"execute/{number:03}.c").write_text("int main (void) { return 0; }")
    for number in range(30):
        (tmp_path / f"compile/{number:03}.c").write_text('int x; /* { dg-skip-if "" { *-*-* } "-O0" } */')
    for name in ("hugeval", "pr38016", "one"):
        (tmp_path / f"execute/ieee/{name}.c").write_text("/* { dg-require-dll } */")
    for name in ("ieee/hugeval", "ieee/pr38016", "builtins/abs-1"):
        (tmp_path / f"execute/{name}.x").write_text("return 0\n")
    for name in ("abs-1.c", "abs-1-lib.c", "lib/main.c"):
        (tmp_path / "execute/builtins" / name).write_text("")
    return tmp_path


def cases(groups: dict[str, list[dict[str, Any]]]) -> set[str]:
    return {f"{test['name']}/{level}" for group in groups.values() for test in group for level in test["levels"]}


class TestPlan:
    def test_depths_only_grow(self, suite: Path) -> None:
        smoke, standard, full = (cases(plan.groups(suite, "x86_64", depth)) for depth in Depth)
        assert smoke < standard < full
        assert len(smoke) == 2 * 24
        assert len(standard) == 5 * 233 + 2 * 30
        assert len(full) == 5 * (233 + 1 + 30)

    def test_levels_that_are_asked_for(self, suite: Path) -> None:
        """In the place of the depth's own, for the tests of the depth."""
        smoke = plan.groups(suite, "x86_64", Depth.SMOKE, ("-Os",))
        assert {name.rpartition("/")[2] for name in cases(smoke)} == {"-Os"}
        assert len(cases(smoke)) == 24

    def test_no_test_is_in_two_groups(self, suite: Path) -> None:
        groups = plan.groups(suite, "x86_64", Depth.FULL)
        names = [test["name"] for group in groups.values() for test in group]
        assert len(names) == len(set(names))
        sizes = [sum(len(test["levels"]) for test in group) for group in groups.values()]
        assert max(sizes) <= 105

    def test_flags_of_folders(self, suite: Path) -> None:
        """ieee and builtins heed no directives, but their .exp and .x files."""
        tests = {test.name: test for test in plan.tests(suite, "i686")}
        assert tests["execute/ieee/one.c"].flags == ("-fno-inline", "-ffloat-store")
        assert tests["execute/ieee/pr38016.c"].flags[2:] == ("-fno-ivopts", "-fno-gcse")
        assert tests["execute/builtins/abs-1.c"].flags[-1] == "-fno-builtin-abs"
        assert tests["execute/builtins/abs-1.c"].sources[1:] == (
            "execute/builtins/abs-1-lib.c",
            "execute/builtins/lib/main.c",
        )
        entry = next(
            each
            for group in plan.groups(suite, "i686", Depth.FULL).values()
            for each in group
            if each["name"] == "execute/ieee/one.c"
        )
        assert set(entry["levels"].values()) == {""}

    def test_skips_are_planned(self, suite: Path) -> None:
        groups = plan.groups(suite, "x86_64", Depth.STANDARD)
        levels = [test["levels"] for group in groups.values() for test in group if test["name"].startswith("compile/")]
        assert levels == [{"-O0": "dg-skip-if:  *-*-* ", "-O2": ""}] * 30

    def test_an_unknown_x_file(self, suite: Path) -> None:
        (suite / "execute/ieee/one.x").write_text("return 1\n")
        with pytest.raises(plan.UnknownX):
            plan.tests(suite, "x86_64")


class TestLabels:
    @pytest.mark.parametrize(
        ("label", "code"),
        [
            ("nested-function", "int f (int a) { int g (int b) { return a + b; } return g (1); }"),
            ("vla-in-struct", "void f (int n) { struct { char c[n]; } s; }"),
            ("statement-expression", "int f (void) { return ({ int x = 1; x; }); }"),
            ("computed-goto", "void f (void) { void *p = &&out; goto *p; out:; }"),
            ("vector", "typedef int v4 __attribute__((vector_size (16)));"),
            ("inline-asm", 'void f (void) { asm volatile ("nop"); }'),
            ("case-range", "void f (int x) { switch (x) { case 1 ... 5: ; } }"),
            ("range-designator", "int a[9] = { [1 ... 5] = 2 };"),
            ("zero-length-array", "struct s { int n; char data[0]; };"),
            ("omitted-operand", "int f (int a) { return a ?: 1; }"),
            ("old-style-definition", "int f (a, b) int a; char *b; { return a; }"),
            ("implicit-int", "f (int a) { return a; }"),
            ("implicit-int", "static x;"),
            ("implicit-declaration", "int main (void) { abort (); }"),
            ("int128", "__int128 x;"),
            ("optimisation", "extern void link_error (void);"),
        ],
    )
    def test_found(self, label: str, code: str) -> None:
        assert label in labels.rules().labels("execute/x.c", code, ["-w"])

    @pytest.mark.parametrize(
        "code",
        [
            "#include <stdlib.h>\nstruct s { int a[4]; };\nint f (int a) { if (a) { abort (); } for (;;) { } }\n",
            "void abort (void), exit (int);\nint main (void) { if (f ()) abort (); exit (0); }\nint f (void) { return 0; }",  # noqa: E501
            "int a[4];\nint main (void) { a[0] = 1; return a[0] && a[1] ? 0 : 1; }",
            'char *s = "asm ({ goto *"; /* __int128 */ // vector_size\nint x = 1;',
            "enum { N = 3 };\n#define M 4\nint f (int x) { struct { char c[M]; } s = { { 0 } }; return s.c[x]; }",
            "typedef struct { int x; } T;\nint g (T);\nint f (int x) { return g ((T) { x }); }",
            "#define DECL(x) int x\nDECL (y);\nint (*p) (int) = 0;\nint main (void) { { int z; } return 0; }",
            "int a, b;\nunsigned f (void) { switch (a) { case 1: { b = 2; } } do { b--; } while (b); return a; }",
        ],
    )
    def test_standard_c_has_none(self, code: str) -> None:
        assert labels.rules().labels("execute/x.c", code, ["-w", "-O2"]) == []

    def test_of_cases(self) -> None:
        """The pinned tests' labels, by a case's name or a test's."""
        assert "nested-function" in labels.labels_of("execute/nestfunc-1.c/-O2")
        assert labels.labels_of("execute/nestfunc-1.c/-O2") == labels.labels_of("execute/nestfunc-1.c")
        assert "optimisation" in labels.labels_of("execute/builtins/abs-1.c/-O0")
        assert not labels.labels_of("execute/no-such.c/-O2")

    def test_every_label_is_in_the_table(self) -> None:
        text = Path(labels.__file__).with_name("labelled.txt").read_text()
        used = {label for line in text.splitlines() for label in line.split()[1:]}
        assert used <= labels.rules().table.keys()
        assert all(rule["reason"] for rule in labels.rules().table.values())

    def test_a_scan_that_ends(self) -> None:
        """Unbalanced and large sources are read in a moment all the same."""
        assert scan("{ ( [ } ) ;" * 50_000) is not None


CC = """#!/bin/sh
# a compiler for the runner's tests: what the source says, as a shell script
for word; do case $word in *.c) source=$word;; esac; last=$word; done
while [ $# -gt 0 ]; do [ "$1" = -o ] && output=$2; shift; done
. "$source"
"""
PROGRAM = "printf '#!/bin/sh\\n%s\\n' '{}' > $output; chmod +x $output"

Do = Literal["run", "compile", "assemble", "reject"]


def run(
    folder: Path,
    tests: dict[str, str],
    do: Do = "run",
    wall: float = 60.0,
    only: tuple[str, ...] = (),
    canary: str = "kill -ABRT $$",
    **more: Any,
) -> dict[str, TestCase]:
    """Run the runner over sources that are shell scripts, and read what it prints."""
    cc = folder / "cc"
    cc.write_text(CC)
    cc.chmod(0o755)
    entries = []
    for name, text in tests.items():
        (folder / name).write_text(text + "\n")
        entry = {"name": name, "do": do, "flags": ["-w"], "sources": [str(folder / name)], "levels": {"-O0": ""}}
        entries.append({**entry, "factor": 1.0, **more})
    (folder / "canary.c").write_text(PROGRAM.format(canary))
    whole = {
        "name": "group",
        "cc": str(cc),
        "canary": str(folder / "canary.c"),
        "root": f"{folder}/",
        "folder": str(folder / "work"),
        "starter": [],
        "compile_seconds": 5.0,
        "compiler_timeout": 124,
        "wall_seconds": wall,
        "limits": {"CPU": 1, "FSIZE": 1 << 20, "CORE": 0},
        "tests": entries,
    }
    (folder / "plan.json").write_text(json.dumps(whole))
    runner = Path(gcc_torture.__file__).with_name("runner.py")
    done = subprocess.run(
        [sys.executable, "-I", "-S", runner, folder / "plan.json", *only],
        stdout=subprocess.PIPE,
        timeout=60,
        check=True,
    )
    found = {case.name: case for case in torture.parser("group")(done.stdout.splitlines(keepends=True))}
    assert "group/summary" not in found
    assert not os.listdir(folder / "work")
    return found


class TestRunner:
    def test_outcomes(self, tmp_path: Path) -> None:
        """What a program does, and what is said of it."""
        programs = {
            "good.c": "exit 0",
            "bad.c": "echo one; echo two; exit 3",
            "abort.c": "kill -ABRT $$",
            "crash.c": "kill -SEGV $$",
            "spins.c": "while :; do :; done",
            "floods.c": "exec cat /dev/zero",
        }
        found = run(tmp_path, {name: PROGRAM.format(text) for name, text in programs.items()})
        assert {name: (case.outcome, case.message) for name, case in found.items()} == {
            "good.c/-O0": (CaseOutcome.PASS, ""),
            "bad.c/-O0": (CaseOutcome.FAIL, "wrong-result: exit status 3 after printing two"),
            "abort.c/-O0": (CaseOutcome.FAIL, "wrong-result: it called abort()"),
            "crash.c/-O0": (CaseOutcome.CRASH, "test-crash: it died of SIGSEGV"),
            "spins.c/-O0": (CaseOutcome.TIMEOUT, "test-timeout: it took longer than 1 s"),
            "floods.c/-O0": (CaseOutcome.CRASH, found["floods.c/-O0"].message),
        }
        assert found["floods.c/-O0"].message.startswith("test-crash: it died of SIGXFSZ")

    def test_a_program_that_waits(self, tmp_path: Path) -> None:
        """It takes no CPU time, but has only so long."""
        case = run(tmp_path, {"a.c": PROGRAM.format("exec sleep 30")}, wall=1.0)["a.c/-O0"]
        assert (case.outcome, case.message) == (CaseOutcome.TIMEOUT, "test-timeout: it took longer than 1 s")

    def test_what_compilers_do(self, tmp_path: Path) -> None:
        """Rejected, crashed, hung, or successful in word only."""
        found = run(
            tmp_path,
            {
                "rejects.c": f"echo; echo {tmp_path}/rejects.c:1: error: no; exit 1",
                "flag.c": "echo 'cc: error: unrecognized command-line option -fx'; exit 1",
                "undefined.c": "echo 'ld: a.c: undefined reference to `f'; exit 1".replace("`f", '"f"'),
                "links.c": "echo '/usr/bin/ld: cannot find -lx: error'; exit 1",
                "silent.c": "exit 1",
                "ice.c": "echo 'x.c:1: internal compiler error: oh'; exit 1",
                "dies.c": "exit 139",
                "killed.c": "kill -SEGV $$",
                "hangs.c": "exec sleep 30",
                "told.c": "exit 124",
                "nothing.c": "exit 0",
                "empty.c": ": > $output",
                "text.c": "echo no program > $output; chmod +x $output",
            },
        )
        told = {name.partition(".")[0]: (str(case.outcome), case.message) for name, case in found.items()}
        assert told.pop("text")[0] == "fail"
        assert told == {
            "rejects": ("fail", "rejects-valid: rejects.c:1: error: no"),
            "flag": ("fail", "bad-flag: cc: error: unrecognized command-line option -fx"),
            "undefined": ("fail", 'undefined-symbol: ld: a.c: undefined reference to "f"'),
            "links": ("fail", "link-error: /usr/bin/ld: cannot find -lx: error"),
            "silent": ("fail", "rejects-valid: exit status 1 without a message"),
            "ice": ("crash", "compiler-crash: exit status 1: x.c:1: internal compiler error: oh"),
            "dies": ("crash", "compiler-crash: died of SIGSEGV"),
            "killed": ("crash", "compiler-crash: died of SIGSEGV"),
            "hangs": ("timeout", "compiler-timeout: "),
            "told": ("timeout", "compiler-timeout: "),
            "nothing": ("fail", "false-success: exit 0, but it did not write its output"),
            "empty": ("fail", "false-success: exit 0, but it did not write its output"),
        }

    def test_yesterdays_program(self, tmp_path: Path) -> None:
        """A failed compilation never runs what the test before left."""
        found = run(tmp_path, {"a.c": PROGRAM.format("exit 0"), "b.c": "true"})
        assert found["b.c/-O0"].outcome is CaseOutcome.FAIL

    def test_what_must_be_rejected(self, tmp_path: Path) -> None:
        found = run(tmp_path, {"yes.c": "exit 1", "no.c": ": > $output", "ice.c": "exit 139"}, "reject")
        assert [str(found[f"{name}.c/-O0"].outcome) for name in ("yes", "no", "ice")] == ["pass", "fail", "crash"]

    def test_only_compiled(self, tmp_path: Path) -> None:
        """A test to be compiled passes where its object is there, and nothing is run."""
        found = run(tmp_path, {"a.c": "echo x > $output; [ $output = a.o ] || exit 1"}, "assemble")
        assert found["a.c/-O0"].outcome is CaseOutcome.PASS

    def test_output_counts(self, tmp_path: Path) -> None:
        """Programs that print otherwise have another digest."""
        found = run(
            tmp_path, {"a.c": PROGRAM.format("echo 1"), "b.c": PROGRAM.format("echo 2"), "c.c": PROGRAM.format(":")}
        )
        digests = [found[f"{name}.c/-O0"].digest for name in "abc"]
        assert len(set(digests)) == 3
        assert digests[2] == "-"
        volatile = run(tmp_path, {"a.c": PROGRAM.format("echo 1")}, volatile=True)
        assert volatile["a.c/-O0"].digest == ""

    @pytest.mark.parametrize("does", ["exit 0", "exit 1", "kill -SEGV $$"])
    def test_a_compiler_that_makes_all_pass(self, tmp_path: Path, does: str) -> None:
        """A program that must abort is made first, and it is told where it does not."""
        found = run(tmp_path, {"a.c": PROGRAM.format("exit 0")}, canary=does)
        assert [(name, str(case.outcome)) for name, case in found.items()] == [
            ("group/canary", "fail"),
            ("a.c/-O0", "pass"),
        ]

    def test_some_alone(self, tmp_path: Path) -> None:
        """Named tests are run, and no others."""
        found = run(tmp_path, {"a.c": "exit 1", "b.c": "exit 1", "c.c": "exit 1"}, only=("c.c", "a.c"))
        assert list(found) == ["a.c/-O0", "c.c/-O0"]

    def test_skipped(self, tmp_path: Path) -> None:
        """The reason of a skip is in the message, and nothing is compiled."""
        skipped = run(tmp_path, {"a.c": "exit 1"}, levels={"-O0": "dg-require-dll"})["a.c/-O0"]
        assert (skipped.outcome, skipped.message) == (CaseOutcome.SKIP, "dg-require-dll")

    def test_what_is_left_behind(self, tmp_path: Path) -> None:
        """A program's children end with it."""
        pid = tmp_path / "pid"
        run(tmp_path, {"a.c": PROGRAM.format(f"sleep 60 & echo $! > {pid}")})
        with suppress(FileNotFoundError):  # gone, or a zombie that nobody has waited for yet
            stat = Path(f"/proc/{int(pid.read_text())}/stat")
            assert stat.read_text().rpartition(")")[2].split()[0] in "ZX"


class TestRecipe:
    def test_suites(self, suite: Path) -> None:
        """A suite a group; its parts are its tests, and a case's name begins with its test's."""
        work = cast(
            "Workspace",
            SimpleNamespace(
                src="/cell/src",
                build="/cell/build",
                host_path=lambda path: suite,
                arch=arch("x86_64"),
                depth=Depth.SMOKE,
                levels=("-O1",),
            ),
        )
        suites = gcc_torture.GccTorture().suites(work)
        assert [each.name for each in suites] == ["execute-001"]
        assert sum(len(each.parts) for each in suites) == 24
        assert all(each.bare and part.startswith("execute/") for each in suites for part in each.parts)
        assert suites[0].only
        assert suites[0].only(["execute/000.c"]) == (*suites[0].argv, "execute/000.c")

    def test_the_source(self) -> None:
        (source,) = sources.SOURCES
        assert source.pool == f"pool/main/g/gcc-12/{source.filename}"
        assert sources.TESTS.version == source.version

    def test_actions(self) -> None:
        """The runner knows every action that a directive can ask for."""
        text = Path(gcc_torture.__file__).with_name("runner.py").read_text()
        assert all(f'"{each}"' in text for each in set(get_args(dg.Do)) - {"assemble"})


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pinned tests."""
    fetcher = Fetcher(State(default_state()).sources)
    return extract(fetcher.get(sources.tests(fetcher)), tmp_path_factory.mktemp("torture")) / "gcc.c-torture"


@pytest.mark.slow
class TestPinnedSource:
    """With the real archive, from the cache of the ordinary state folder."""

    def test_the_truth_of_counts(self, root: Path) -> None:
        found = plan.tests(root, "x86_64")
        counts = Counter("/".join(test.name.split("/")[:-1]) for test in found)
        assert counts == {"execute": 1592, "execute/ieee": 61, "execute/builtins": 55, "compile": 1903}

    @pytest.mark.parametrize("name", sorted(arches()))
    def test_every_directive_is_known(self, root: Path, name: str) -> None:
        """On every arch, and what is skipped there."""
        skipped = [
            test["name"]
            for group in plan.groups(root, name, Depth.FULL).values()
            for test in group
            if test["levels"]["-O2"] and test["name"].startswith("execute/")
        ]
        assert sorted(skipped) == SKIPPED[name]

    def test_labels_are_those_of_the_rules(self, root: Path) -> None:
        assert labels.labelled(root) == Path(labels.__file__).with_name("labelled.txt").read_text()

    def test_what_is_included_is_there(self, root: Path) -> None:
        assert (root / "../gcc.dg/20030309-1.c").exists()


SKIPPED = {
    "x86_64": [],
    "i686": ["execute/pr84748.c", "execute/pr93213.c"],
    "aarch64": ["execute/990413-2.c", "execute/pr80692.c"],
    "riscv64": ["execute/990413-2.c", "execute/pr80692.c"],
}
