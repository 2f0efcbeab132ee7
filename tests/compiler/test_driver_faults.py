"""What real compilers say when they refuse, read as faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.driver import faults
from tests.compiler.driver_rig import X86_64, Rig
from verifiers.results import Reason

COMPILERS = [
    pytest.param(path, marks=pytest.mark.skipif(not Path(path).exists(), reason=f"needs {path}"), id=path[9:])
    for path in ("/usr/bin/gcc", "/usr/bin/clang", "/usr/bin/tcc")
]


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


@pytest.mark.parametrize("compiler", COMPILERS)
class TestRealCompilers:
    def fault(self, rig: Rig, compiler: str, source: str, *args: str) -> tuple[Reason, str, str]:
        rig.configure(candidate=(compiler,))
        rig.write("src/a.c", source)
        assert rig.run(*args, "src/a.c").returncode == 1
        (fault,) = faults(rig.calls(), X86_64)
        return fault.reason, fault.unit, fault.message

    def test_rejects_valid(self, rig: Rig, compiler: str) -> None:
        """An error has its file and line."""
        reason, unit, message = self.fault(rig, compiler, "int x;\nint f(void) { return y; }\n", "-c")
        assert (reason, unit) == (Reason.REJECTS_VALID, "src/a.c")
        assert message.startswith("src/a.c:2:") and "error: " in message

    def test_missing_header(self, rig: Rig, compiler: str) -> None:
        """A fatal error is one too."""
        assert self.fault(rig, compiler, "#include <nowhere.h>\n", "-c")[0] is Reason.REJECTS_VALID

    def test_bad_flag(self, rig: Rig, compiler: str) -> None:
        """An option it does not know."""
        flag = "-qno-such-option" if compiler.endswith("tcc") else "-fno-such-option"
        reason, _, message = self.fault(rig, compiler, "int x;\n", "-c", flag)
        assert reason is Reason.BAD_FLAG and flag.removeprefix("-") in message

    def test_undefined_symbol(self, rig: Rig, compiler: str) -> None:
        """At the link, with the symbol's name, not the linker's preamble."""
        reason, _, message = self.fault(
            rig, compiler, "int gone(void); int main(void) { return gone(); }\n", "-o", "prog"
        )
        assert reason is Reason.UNDEFINED_SYMBOL and "gone" in message

    def test_bad_assembly(self, rig: Rig, compiler: str) -> None:
        """Nonsense in an asm statement is the assembler's to refuse."""
        reason, _, message = self.fault(rig, compiler, 'void f(void) { __asm__("nonsense %eax"); }\n', "-c")
        assert reason is Reason.ASSEMBLER_ERROR, message

    def test_missing_library(self, rig: Rig, compiler: str) -> None:
        """A link that finds no library."""
        reason, _, message = self.fault(rig, compiler, "int main(void) { return 0; }\n", "-o", "prog", "-lnowhere")
        assert reason is Reason.LINK_ERROR and "nowhere" in message


class TestWhatCounts:
    def test_probes_do_not(self, rig: Rig) -> None:
        """A question may be answered no, unless configure itself gave up over it."""
        rig.configure(step="configure")
        rig.write("conftest.c", "int x = ;\n")
        rig.run("-c", "conftest.c")
        assert faults(rig.calls(), X86_64) == ()
        (fault,) = faults(rig.calls(), X86_64, probes=True)
        assert (fault.reason, fault.unit) == (Reason.REJECTS_VALID, "conftest.c")

    def test_host_and_leak_do_not(self, rig: Rig) -> None:
        """Another compiler's errors are not the candidate's."""
        rig.write("a.c", "int x = ;\n")
        rig.run("-c", "a.c", program=str(rig.tree / "bin" / "host-cc"))
        rig.run("-c", "a.c", program="gcc")
        assert len(rig.calls()) == 2 and faults(rig.calls(), X86_64) == ()

    def test_most_telling_first_and_each_once(self, rig: Rig) -> None:
        """A crash before an error; the same error in the PIC object is the same."""
        rig.write("a.c", "int x = ;\n")
        rig.run("-c", "a.c")
        rig.run("-c", "-fPIC", "a.c")
        rig.configure(candidate=rig.saboteur("kill -ABRT $$"))
        rig.run("-c", "b.c")
        assert [(fault.reason, fault.unit) for fault in faults(rig.calls(), X86_64)] == [
            (Reason.COMPILER_CRASH, "b.c"),
            (Reason.REJECTS_VALID, "a.c"),
        ]

    def test_full_disk_is_ours(self, rig: Rig) -> None:
        """No room for the object says nothing of the compiler."""
        rig.configure(candidate=rig.saboteur("echo 'cc1: fatal error: a.s: No space left on device' >&2; exit 1"))
        rig.run("-c", "a.c")
        (fault,) = faults(rig.calls(), X86_64)
        assert fault.reason is Reason.DISK_FULL and fault.reason.is_ours


class TestWhereItSpeaks:
    def test_errors_on_stdout(self, rig: Rig) -> None:
        """They are the compiler's words, and the build still finds them there."""
        rig.configure(candidate=rig.saboteur("echo 'a.c:3: error: no such thing'; exit 1"))
        rig.write("a.c")
        assert rig.run("-c", "a.c").stdout == b"a.c:3: error: no such thing\n"
        (fault,) = faults(rig.calls(), X86_64)
        assert (fault.reason, fault.message) == (Reason.REJECTS_VALID, "a.c:3: error: no such thing")

    @pytest.mark.parametrize("args", [("-S", "-o", "-"), ("-S", "-o", "/dev/fd/1"), ("-E",), ("-fsyntax-only",)])
    def test_a_product_on_stdout_is_none(self, rig: Rig, args: tuple[str, ...]) -> None:
        """Source and assembly are not read for errors."""
        rig.configure(candidate=rig.saboteur("echo 'a.c:3: error: in a text'; exit 0"))
        rig.write("a.c")
        assert rig.run(*args, "a.c").stdout == b"a.c:3: error: in a text\n"
        assert rig.call().stderr == "" and faults(rig.calls(), X86_64) == ()

    @pytest.mark.parametrize(
        "said",
        [
            "a.c:5:1: warning: unused label error\\nerror:\\n^~~~~~",
            "warning: error: old syntax",
            "a.c:2: error: return 1;\\n        ^ warning: unused label",
        ],
    )
    def test_source_that_looks_like_an_error(self, rig: Rig, said: str) -> None:
        """A label of that name, in a warning of a compiler that succeeds."""
        rig.configure(candidate=rig.saboteur(f'printf "{said}\\n" >&2; exec gcc "$@"'))
        rig.write("a.c")
        rig.run("-c", "a.c", "-o", "a.o")
        assert faults(rig.calls(), X86_64) == ()

    def test_chatter_on_stdout(self, rig: Rig) -> None:
        """It says less than what stands on stderr."""
        rig.configure(candidate=rig.saboteur("echo 'compiling a.c'; echo 'no VLA here' >&2; exit 1"))
        rig.write("a.c")
        rig.run("-c", "a.c")
        assert [fault.message for fault in faults(rig.calls(), X86_64)] == ["no VLA here"]


class TestOtherWords:
    """Compilers that speak otherwise than gcc does."""

    CARET = "mycc: warning: unknown option -O1\\na.c:2: return y;\\n              ^ undefined variable"

    @pytest.mark.parametrize(
        ("said", "reason", "message"),
        [
            (CARET, Reason.REJECTS_VALID, "a.c:2: undefined variable"),
            (
                "mycc: unknown option -O1\\na.c:2:3: error: no y",
                Reason.REJECTS_VALID,
                "a.c:2:3: error: no y",
            ),
            (
                "mycc: unknown option -O1\\na.c, line 2: y undefined",
                Reason.REJECTS_VALID,
                "a.c, line 2: y undefined",
            ),
            (
                "a.c: In function f:\\na.c:2:3: warning: no y",
                Reason.FALSE_FAILURE,
                "exit 1 with warnings only: a.c: In function f:",
            ),
            (
                "Traceback (most recent call last):\\n  File cc.py, line 3, in f\\nKeyError: -O1",
                Reason.COMPILER_CRASH,
                "Traceback (most recent call last): KeyError: -O1",
            ),
            (
                "a.c:2:3: error: no y\\nTraceback (most recent call last):\\n  File cc.py, in f\\nSystemExit: 1",
                Reason.REJECTS_VALID,
                "a.c:2:3: error: no y",
            ),
            (
                "panic: index out of range\\n\\ngoroutine 1 [running]:",
                Reason.COMPILER_CRASH,
                "panic: index out of range",
            ),
            ("internal error at codegen.c:12", Reason.COMPILER_CRASH, "internal error at codegen.c:12"),
            (
                "thread main panicked at src/main.rs:42:9:\\nnot yet implemented",
                Reason.COMPILER_CRASH,
                "thread main panicked at src/main.rs:42:9: not yet implemented",
            ),
            (
                "a.c:2: Aborted();\\n       ^ undefined variable",
                Reason.REJECTS_VALID,
                "a.c:2: undefined variable",
            ),
            (
                "a.c:2: return y;\\n       ^ warning: unused\\nmycc: cannot write a.o",
                Reason.REJECTS_VALID,
                "mycc: cannot write a.o",
            ),
            ("error: unexpected argument '-O1' found", Reason.BAD_FLAG, "error: unexpected argument '-O1' found"),
        ],
    )
    def test_one(self, rig: Rig, said: str, reason: Reason, message: str) -> None:
        """What it says of options does not hide what it says of the source."""
        rig.configure(candidate=rig.saboteur(f'printf "{said}\\n" >&2; exit 1'))
        rig.write("a.c")
        rig.run("-c", "a.c")
        (fault,) = faults(rig.calls(), X86_64)
        assert (fault.reason, fault.message) == (reason, message)

    @pytest.mark.skipif(not Path("/usr/bin/chibicc").exists(), reason="needs chibicc")
    def test_chibicc(self, rig: Rig) -> None:
        """Its message stands under the line that it quotes."""
        rig.configure(candidate=("/usr/bin/chibicc",))
        rig.write("a.c", "int f(void) {\n  return gone;\n}\n")
        rig.run("-c", "a.c")
        (fault,) = faults(rig.calls(), X86_64)
        assert (fault.reason, fault.message) == (Reason.REJECTS_VALID, "a.c:2: undefined variable")
