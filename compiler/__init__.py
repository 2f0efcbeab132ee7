"""Compilers and targets: families and arches as data, discovery, fingerprints, the driver."""
