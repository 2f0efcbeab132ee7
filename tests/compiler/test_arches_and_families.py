from __future__ import annotations

import os
import shutil

import pytest

from compiler.arches import arch, arches, host_arch
from compiler.errors import UnknownArch, UnknownFamily
from compiler.families import families, family, host_engines


class TestArches:
    def test_every_target_of_the_design_is_there(self) -> None:
        """Four targets, each with its own ELF machine and width."""
        assert {"x86_64", "i686", "aarch64", "riscv64"} <= set(arches())
        assert len({(each.elf_machine, each.bits) for each in arches().values()}) == len(arches())

    def test_an_unknown_one_names_the_nearest(self) -> None:
        """The message holds the nearest name and all known ones."""
        with pytest.raises(UnknownArch, match=r"unknown arch 'x86-64' \(did you mean x86_64\?\); known are: .*riscv64"):
            arch("x86-64")

    def test_emulators(self) -> None:
        """This machine's arch needs none."""
        here = host_arch()
        if here is None:
            pytest.skip("no data for this machine")
        assert here.native
        assert not here.needs_emulator

    def test_each_can_be_booted(self) -> None:
        """A kernel's name, image and console, and what emulates the machine."""
        for each in arches().values():
            assert all((each.kernel, each.kernel_image, each.system_console, each.system_emulator_packages))
            assert each.system_emulator.startswith("qemu-system-")


class TestFamilies:
    def test_the_oracles_family_comes_last_and_generic_never(self) -> None:
        """Preference decides who is taken where none is named."""
        order = [name for name, each in families().items() if each.preference]
        assert order == ["clang", "tcc", "zig", "gcc"]
        assert families()["generic"].preference == 0

    def test_an_unknown_one_names_the_nearest(self) -> None:
        """The message holds the nearest name."""
        with pytest.raises(UnknownFamily, match=r"'clan' \(did you mean clang\?\)"):
            family("clan")

    def test_every_one_says_how_to_install_it(self) -> None:
        """apt or pip, with the package's name."""
        assert families()["tcc"].install_line == "apt-get install tcc libc6-dev"
        assert families()["zig"].install_line == "pip install ziglang"

    def test_engines_are_real_files(self) -> None:
        """The compilers proper of what is installed are found, as real paths."""
        found = host_engines()
        assert all(os.path.realpath(each) == each and os.path.isfile(each) for each in found)
        if shutil.which("gcc"):
            assert any(each.endswith("/cc1") for each in found)
        if shutil.which("clang"):
            assert os.path.realpath(str(shutil.which("clang"))) in found
