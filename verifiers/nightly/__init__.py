"""The night: run by itself, kept, compared, shown, and told."""
