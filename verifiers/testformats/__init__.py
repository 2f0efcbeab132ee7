"""Parsers, one a format: from the lines of a suite's output to its cases."""
