"""What configure decided otherwise for the candidate than for the oracle."""

from __future__ import annotations

from collections.abc import Mapping

from verifiers.results import ConfigurationDifference


def configuration_differences(
    candidate: Mapping[str, str], oracle: Mapping[str, str]
) -> tuple[ConfigurationDifference, ...]:
    """Lines that one side's generated files have and the other's have not, paired by what they set.

    Takes file name -> text. Comments and order do not count; lines that set the same name are put side by side.
    """
    found = []
    for file in sorted(candidate.keys() | oracle.keys()):
        ours, theirs = _settings(candidate.get(file, "")), _settings(oracle.get(file, ""))
        for key in sorted(ours.keys() | theirs.keys()):
            mine, other = ours.get(key, ""), theirs.get(key, "")
            if mine != other:
                found.append(ConfigurationDifference(file=file, oracle=other, candidate=mine))
    return tuple(found)


def _settings(text: str) -> dict[str, str]:
    """What a line sets -> the line. ``/* #undef X */`` and ``# CONFIG_X is not set`` count as setting X."""
    settings = {}
    for line in text.splitlines():
        words = line.replace("/* #undef", "#undef").replace("*/", "").split()
        if not words:
            continue
        if words[0] in ("#define", "#undef") and len(words) > 1:
            settings["macro " + words[1].split("(")[0]] = " ".join(words)
        elif words[0].startswith("#") and words[-3:] == ["is", "not", "set"]:
            settings[words[1]] = line.strip()
        elif "=" in line and not line.lstrip().startswith(("#", "/*", "*")):
            settings[line.split("=", 1)[0].strip()] = line.strip()
    return settings
