"""What configure decided otherwise."""

from __future__ import annotations

from verifiers.configdiff import configuration_differences


class TestConfigurationDifferences:
    """Lines are paired by what they set."""

    def test_a_lost_feature_is_one_difference(self) -> None:
        """``#define`` on one side and ``#undef`` on the other."""
        (found,) = configuration_differences(
            {"config.h": "/* #undef HAVE_INT128 */\n#define A 1\n"},
            {"config.h": "#define A 1\n#define HAVE_INT128 1\n"},
        )
        assert (found.oracle, found.candidate) == ("#define HAVE_INT128 1", "#undef HAVE_INT128")

    def test_kconfig(self) -> None:
        """``# CONFIG_X is not set`` sets X."""
        (found,) = configuration_differences({".config": "# CONFIG_X is not set"}, {".config": "CONFIG_X=y"})
        assert (found.oracle, found.candidate) == ("CONFIG_X=y", "# CONFIG_X is not set")

    def test_order_and_comments_do_not_count(self) -> None:
        """Only what is set does."""
        assert not configuration_differences({"f": "A=1\n# by gcc\nB=2\n"}, {"f": "B=2\n# by clang\nA=1\n"})

    def test_a_missing_file_is_all_different(self) -> None:
        """A generated file that only one side has."""
        assert len(configuration_differences({}, {"f": "A=1\nB=2\n"})) == 2
