"""The command line: starts Darkroom on one machine, looks after it, and edits photos through it."""
