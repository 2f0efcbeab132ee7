"""The built-in projects, a package each; every one is registered exactly like somebody else's."""
