"""The torture plugin: its reading of directives, its plan, its labels and its runner."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from compiler.arches import arch, arches
from plugins import gcc_torture
from plugins.gcc_torture import dg, labels, plan, sources
from plugins.gcc_torture.scan import scan
from plugins.gcc_torture.targets import Target, UnknownTarget
from plugins.gcc_torture.tcl import BadList, split
from verifiers.archive import extract
from verifiers.fetch import Fetcher
from verifiers.recipes.programs import Program
from verifiers.results import Depth
from verifiers.state import State, default_state

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


def programs(root: Path, arch: str, depth: Depth, asked: tuple[str, ...] = ()) -> list[Program]:
    return [each for kind in plan.programs(root, "/x", arch, depth, asked).values() for each in kind]


def cases(root: Path, depth: Depth, asked: tuple[str, ...] = ()) -> set[str]:
    return {f"{test.name}/{level}" for test in programs(root, "x86_64", depth, asked) for level in test.levels}


class TestPlan:
    def test_depths_only_grow(self, suite: Path) -> None:
        smoke, standard, full = (cases(suite, depth) for depth in Depth)
        assert smoke < standard < full
        assert len(smoke) == 2 * 24
        assert len(standard) == 5 * 233 + 2 * 30
        assert len(full) == 5 * (233 + 1 + 30)

    def test_levels_that_are_asked_for(self, suite: Path) -> None:
        """In the place of the depth's own, for the tests of the depth."""
        smoke = cases(suite, Depth.SMOKE, ("-Os",))
        assert {name.rpartition("/")[2] for name in smoke} == {"-Os"}
        assert len(smoke) == 24

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
        (program,) = [each for each in programs(suite, "i686", Depth.FULL) if each.name == "execute/ieee/one.c"]
        assert set(program.levels.values()) == {""}

    def test_skips_are_planned(self, suite: Path) -> None:
        tests = programs(suite, "x86_64", Depth.STANDARD)
        levels = [test.levels for test in tests if test.name.startswith("compile/")]
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
            test.name
            for test in programs(root, name, Depth.FULL)
            if test.levels["-O2"] and test.name.startswith("execute/")
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
