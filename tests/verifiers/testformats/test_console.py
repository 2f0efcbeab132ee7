"""Consoles of a Debian kernel under qemu-system-x86_64 with our own first program, and with others that end it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from plugins import linux
from verifiers.results import CaseOutcome, Reason, TestCase
from verifiers.testformats import console

RECORDED = Path(linux.__file__).parent / "recorded"
BUILDER = "kernel@debian"


def lines(name: str) -> list[bytes]:
    return (RECORDED / f"{name}.log").read_bytes().splitlines(keepends=True)


def cases(of: Iterable[bytes], build: str = BUILDER) -> dict[str, TestCase]:
    found = list(console.parser(build)(of))
    assert len({case.name for case in found}) == len(found)
    return {case.name: case for case in found}


class TestABootThatEndsWell:
    def test_each_check_is_a_case(self) -> None:
        """And two of them fail, as they do with this kernel and that version of the program."""
        found = cases(lines("debian-6.1"))
        failed = {name: case.message for name, case in found.items() if case.outcome is not CaseOutcome.PASS}
        assert len(found) == 24 + 3
        assert failed == {
            "proc": 'line 226: umount("/proc") == 0 (Device or resource busy)',
            "ext4": "line 673: from >= 0 && disk >= 0 (No such device or address)",
        }

    def test_the_tiny_kernel_passes_all(self) -> None:
        """6.12.107, built by hand with gcc; its messages have no times."""
        found = cases(lines("tiny-6.12"), "nobody@vm")
        assert len(found) == 19 + 3
        assert {case.outcome for case in found.values()} == {CaseOutcome.PASS}

    def test_a_caught_segfault_is_no_death(self) -> None:
        """The kernel tells of it, but it is a program's."""
        assert any(b"segfault at 10" in line for line in lines("debian-6.1"))
        assert cases(lines("debian-6.1"))["kernel"].outcome is CaseOutcome.PASS

    def test_another_image_is_seen(self) -> None:
        """Who built it, and for which run, is in the banner."""
        found = cases(lines("debian-6.1"), "ccverify@0123456789ab")
        assert found["banner"].message == "another image: kernel@debian, not ccverify@0123456789ab"

    def test_a_warning_is_a_case(self) -> None:
        """The kernel noticed something that should not be; with the oracle it has none."""
        text = b"[    1.2] WARNING: CPU: 0 PID: 1 at mm/slub.c:100 kfree+0x1/0x2\r\n"
        found = cases([*lines("debian-6.1"), text])
        assert found["warnings"].outcome is CaseOutcome.FAIL and "mm/slub.c:100" in found["warnings"].message
        assert found["kernel"].outcome is CaseOutcome.PASS


class TestDeaths:
    @pytest.mark.parametrize(
        ("name", "first"),
        [
            ("panic", "Kernel panic - not syncing: sysrq triggered crash"),
            ("oops", "BUG: kernel NULL pointer dereference, address: 0000000000000240"),
            ("no-root", "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)"),
            ("loop", "Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000300"),
            ("hang", "the console ends after 2 checks, without the last line"),
        ],
    )
    def test_has_a_reason_of_its_own(self, name: str, first: str) -> None:
        """boot-failure, with what the kernel said, and the checks that were done before still count."""
        found = cases(lines(name))
        kernel = found["kernel"]
        assert (kernel.outcome, kernel.reason) == (CaseOutcome.CRASH, Reason.BOOT_FAILURE)
        assert kernel.message.splitlines()[0] == first
        assert len(kernel.message.splitlines()) > 5 and len(kernel.message) <= 2400
        assert ("files" in found) == (name not in ("no-root", "oops"))

    def test_an_oops_is_told_with_its_trace(self) -> None:
        """Lines before it, and what follows."""
        message = cases(lines("panic"))["kernel"].message
        assert "ccverify-init: ok folders" in message and "RIP: 0033:" in message

    @pytest.mark.parametrize(
        "line",
        [
            b"BUG: unable to handle page fault for address: ffffffff81234567",
            b"BUG: kernel NULL pointer dereference, address: 0000000000000010",
            b"kernel BUG at mm/slub.c:305!",
            b"Oops: general protection fault, probably for non-canonical address 0xf000: 0000 [#1] NOPTI",
            b"Oops: invalid opcode: 0000 [#1]",
            b"Internal error: Oops: 0000000096000004 [#1]",
            b"Unable to handle kernel paging request at virtual address dead000000000100",
            b"Unable to handle kernel access to user memory without uaccess routines",
            b"PANIC: double fault, error_code: 0x0",
            b"traps: PANIC: double fault, error_code: 0x0",
        ],
    )
    def test_an_oops_that_the_kernel_survives_is_one(self, line: bytes) -> None:
        """Also where all checks passed after it; as kernels 6.1 and 6.12 print it on the four arches."""
        found = cases([*lines("debian-6.1")[:4], b"[    2.345678] " + line + b"\r\n", *lines("debian-6.1")[4:]])
        assert found["kernel"].reason is Reason.BOOT_FAILURE
        assert found["kernel"].message.splitlines()[0] == line.decode()

    def test_a_reset_without_a_word_is_a_loop(self) -> None:
        """Two banners, whatever came after."""
        silent = [line for line in lines("loop") if b"panic" not in line]
        assert cases(silent)["kernel"].message.splitlines()[0] == "booted 2 times"

    def test_nothing_at_all(self) -> None:
        """A kernel that dies before it has a console."""
        found = cases([])
        assert found["kernel"].message.startswith("no banner") and list(found) == ["kernel"]

    def test_a_lost_check_is_seen(self) -> None:
        """The last line counts them."""
        kept = [line for line in lines("debian-6.1") if b"ok fork" not in line]
        assert cases(kept)["kernel"].message.splitlines()[0] == "the last line counts 24 checks, but 23 were seen"
