"""The driver: the small program that builds see as their compiler; built and configured here, and its log read."""

from compiler.driver.build import DriverNotBuilt, build_driver, install
from compiler.driver.config import BadDriverConfig, DriverConfig, DriverLimits, DriverMix, Route, Target, share
from compiler.driver.costs import compiling
from compiler.driver.faults import faults
from compiler.driver.log import Call, CallKind, Output, Role, RoutedTo, Tail, parse, read_log
from compiler.driver.provenance import provenance

__all__ = [
    "BadDriverConfig",
    "Call",
    "CallKind",
    "DriverConfig",
    "DriverLimits",
    "DriverMix",
    "DriverNotBuilt",
    "Output",
    "Role",
    "Route",
    "RoutedTo",
    "Tail",
    "Target",
    "build_driver",
    "compiling",
    "faults",
    "install",
    "parse",
    "provenance",
    "read_log",
    "share",
]
