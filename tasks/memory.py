"""How much memory this process may take."""

import resource


def limit_memory(most: int) -> None:
    """Have allocations fail that would take this process over so many bytes of private memory.

    Linux counts what is allocated, stacks of threads included, and not what is mapped from files (RLIMIT_DATA); macOS
    does not enforce it. A stricter limit of the machine stays.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
