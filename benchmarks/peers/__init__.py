"""What a user would pick instead: a module for each, run in a process of its own.

Each is set up as its own documentation says, with two processes (or threads) that compute, and computes what
``compute`` holds.
"""
