"""Smart masks as tasks."""
