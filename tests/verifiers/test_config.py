from __future__ import annotations

from pathlib import Path

import pytest

from verifiers.config import Config, ConfigError, ConfigMissing, find_config, load_config
from verifiers.errors import UsageError
from verifiers.manager import Manager
from verifiers.tomllines import line_of


def load(folder: Path, text: str) -> Config:
    path = folder / "verify.toml"
    path.write_text(text)
    return load_config(path)


def complaint(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(folder, text)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(f"{folder}/")


class TestLoad:
    def test_reads_every_section(self, tmp_path: Path) -> None:
        """All keys of the format arrive, commands split into words, sizes as bytes."""
        config = load(
            tmp_path,
            """
            state = "st"
            sandbox = "none"
            jobs = 3
            [compiler.mine]
            command = "bin/cc -m64 '-DX=a b'"
            family = "clang"
            files = ["lib", "/abs"]
            default = true
            env = { A = "1" }
            [compiler.cross]
            targets = { aarch64 = ["/x/cc", "-v"], x86_64 = "tcc" }
            [limits]
            compile_seconds = 1.5
            memory = "2 GiB"
            file = "512M"
            disk = 7
            [fetch]
            mirrors = ["https://example.invalid/"]
            """,
        )
        mine, cross = config.compiler["mine"], config.compiler["cross"]
        assert mine.command == (f"{tmp_path}/bin/cc", "-m64", "-DX=a b")
        assert mine.files == (f"{tmp_path}/lib", "/abs")
        assert (mine.family, mine.env, config.default_compiler) == ("clang", {"A": "1"}, "mine")
        assert cross.targets == {"aarch64": ("/x/cc", "-v"), "x86_64": ("tcc",)}
        assert (config.state, config.sandbox, config.jobs) == (tmp_path / "st", "none", 3)
        assert (config.limits.compile_seconds, config.limits.memory, config.limits.file) == (1.5, 2 << 30, 512 << 20)
        assert config.limits.processes is None
        assert config.fetch.mirrors == ("https://example.invalid/",)

    def test_no_file_gives_the_defaults(self) -> None:
        """Without a file everything has its built-in value."""
        assert load_config(None) == Config()

    def test_a_command_on_path_stays_a_name(self, tmp_path: Path) -> None:
        """Only what holds a slash is a path below the file's folder."""
        assert load(tmp_path, '[compiler.a]\ncommand = "tcc -g"').compiler["a"].command == ("tcc", "-g")


class TestComplaints:
    def test_unknown_keys_name_file_line_key_and_the_nearest(self, tmp_path: Path) -> None:
        """In a section, in a compiler's entry, at the top."""
        assert complaint(tmp_path, '# one\n[compiler.m]\n\ncomand = "cc"').startswith(
            "verify.toml:4: compiler.m.comand: unknown key (did you mean command?)"
        )
        assert complaint(tmp_path, "[limits]\nmemory = 1\nproceses = 4").startswith(
            "verify.toml:3: limits.proceses: unknown key (did you mean processes?)"
        )
        assert complaint(tmp_path, "jobs = 1\nsandbx = 'none'").startswith(
            "verify.toml:2: sandbx: unknown key (did you mean sandbox?)"
        )
        assert complaint(tmp_path, "path = 'x'").startswith("verify.toml:1: path: unknown key")

    def test_broken_toml_names_the_line(self, tmp_path: Path) -> None:
        """A syntax error has its line, also at the end of the file."""
        assert complaint(tmp_path, "jobs = 1\n[limits\n").startswith("verify.toml:2: not valid TOML: ")
        assert complaint(tmp_path, 'jobs = 1\n\nstate = """x\n').startswith("verify.toml:4: not valid TOML: ")
        assert complaint(tmp_path, "jobs = 1\njobs = 2\n").startswith("verify.toml:2: not valid TOML: cannot overwrite")

    @pytest.mark.parametrize(
        ("text", "starts"),
        [
            ("jobs = 0", "verify.toml:1: jobs: input should be greater than 0 (got 0)"),
            (
                "[limits]\nmemory = 'lots'",
                "verify.toml:2: limits.memory: a size is a number of bytes or a text such as",
            ),
            ("sandbox = 'docker'", "verify.toml:1: sandbox: input should be 'bubblewrap' or 'none' (got 'docker')"),
            (
                "[compiler.m]\ncommand='cc'\nfamily='clagn'",
                "verify.toml:3: compiler.m.family: unknown compiler family 'clagn' (did you mean clang?)",
            ),
            (
                "[compiler.m]\ntargets = { x86_65 = 'cc' }",
                "verify.toml:2: compiler.m.targets.x86_65: unknown arch 'x86_65' (did you mean x86_64?)",
            ),
            ("[compiler.m]\ncommand = ''", "verify.toml:2: compiler.m.command: a command needs at least one word"),
            ("[compiler.m]\ncommand = '\"'", "verify.toml:2: compiler.m.command: no closing quotation"),
            ("jobs = 1\n[compiler.m]\nenv = {}", "verify.toml:2: compiler.m: give it a command"),
            ("[compiler.'a b']\ncommand = 'cc'", "verify.toml:1: compiler.a b: a name is letters"),
            ("compiler = 3", "verify.toml:1: compiler: input should be a valid dictionary"),
            ("[fetch]\nmirrors = [\n 'a',\n 5,\n]", "verify.toml:2: fetch.mirrors.1: input should be a valid string"),
            (
                "[compiler.a]\ncommand='x'\ndefault=true\n[compiler.b]\ncommand='y'\ndefault=true",
                "verify.toml:6: compiler.b.default: a is the default already",
            ),
        ],
    )
    def test_wrong_values_name_file_line_and_key(self, tmp_path: Path, text: str, starts: str) -> None:
        """Each wrong value is one line that says where it stands and what is allowed."""
        assert complaint(tmp_path, text).startswith(starts)

    def test_what_is_not_text_is_told(self, tmp_path: Path) -> None:
        """Bytes that are not UTF-8 are told with their line."""
        (tmp_path / "verify.toml").write_bytes(b"jobs = 1\nstate = '\xff'\n")
        with pytest.raises(ConfigError, match=r"verify.toml:2: not UTF-8"):
            load_config(tmp_path / "verify.toml")

    def test_a_missing_file_and_a_folder_are_told(self, tmp_path: Path) -> None:
        """--config with something that cannot be read is a usage error."""
        with pytest.raises(ConfigMissing, match="no such file"):
            load_config(tmp_path / "none.toml")
        with pytest.raises(ConfigMissing, match="is a directory"):
            load_config(tmp_path)


class TestFind:
    def test_a_given_file_wins(self, tmp_path: Path) -> None:
        """--config is taken as it is, also where it does not exist."""
        assert find_config(tmp_path / "x.toml", tmp_path) == tmp_path / "x.toml"

    def test_looks_upward(self, tmp_path: Path) -> None:
        """The nearest folder above that has one."""
        (tmp_path / "a" / "b").mkdir(parents=True)
        (tmp_path / "verify.toml").touch()
        assert find_config(None, tmp_path / "a" / "b", {}) == tmp_path / "verify.toml"

    def test_stops_at_the_git_root(self, tmp_path: Path) -> None:
        """A file above the repository is not the repository's; one in its root is."""
        inner = tmp_path / "repo" / "src"
        inner.mkdir(parents=True)
        (tmp_path / "repo" / ".git").mkdir()
        (tmp_path / "verify.toml").touch()
        assert find_config(None, inner, {"HOME": str(tmp_path / "home")}) is None
        (tmp_path / "repo" / "verify.toml").touch()
        assert find_config(None, inner, {}) == tmp_path / "repo" / "verify.toml"

    def test_the_users_own_comes_last(self, tmp_path: Path) -> None:
        """XDG_CONFIG_HOME, or .config below HOME."""
        (tmp_path / "repo" / ".git").mkdir(parents=True)
        for base in (tmp_path / "xdg", tmp_path / "home" / ".config"):
            (base / "ccverify").mkdir(parents=True)
            (base / "ccverify" / "verify.toml").touch()
        home = {"HOME": str(tmp_path / "home")}
        assert find_config(None, tmp_path / "repo", home) == tmp_path / "home/.config/ccverify/verify.toml"
        both = {**home, "XDG_CONFIG_HOME": str(tmp_path / "xdg")}
        assert find_config(None, tmp_path / "repo", both) == tmp_path / "xdg/ccverify/verify.toml"


class TestLineOf:
    def test_values_over_several_lines_are_no_keys(self) -> None:
        """What looks like a key inside a text is none; a table's and an inline table's key have their line."""
        text = 'a = """\nb = 1\n"""\n\n[t]\nb = 1\nc = {d = 1}\n'
        assert line_of(text, ("b",)) == 1
        assert line_of(text, ("t", "b")) == 6
        assert line_of(text, ("t", "c", "d")) == 7
        assert line_of("x = 1\n" + text, ("a",)) == 2


class TestProjects:
    def test_samples_lie_below_the_file(self, tmp_path: Path) -> None:
        """As every relative path does, and the project's recipe has them."""
        (tmp_path / "suite").mkdir()
        manager = Manager()
        manager.settle(load(tmp_path, '[project.ffmpeg]\nsamples = "suite"').project)
        assert manager.recipe("ffmpeg").samples == tmp_path / "suite"
        assert manager.recipe("ffmpeg-asm").samples is None

    def test_unknown_keys(self, tmp_path: Path) -> None:
        """They are named with their line."""
        assert complaint(tmp_path, '[project.ffmpeg]\nsample = "x"').startswith(
            "verify.toml:2: project.ffmpeg.sample: unknown key (did you mean samples?)"
        )

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ('[project.ffmpeg]\nsamples = "none"', "samples: {}/none is not a folder; mend verify.toml"),
            ('[project.ffmpg]\nsamples = "."', "unknown project ffmpg"),
        ],
    )
    def test_what_is_not_there(self, tmp_path: Path, text: str, says: str) -> None:
        """A folder that is not there would be a run without samples, and nobody would know."""
        with pytest.raises(UsageError, match=says.format(tmp_path)):
            Manager().settle(load(tmp_path, text).project)
