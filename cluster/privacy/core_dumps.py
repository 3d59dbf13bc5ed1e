"""Memory of a process that ends by a fault must not lie on a disk: it holds faces of people who match nobody."""

import resource


def no_core_dumps() -> None:
    """From now on the system writes no file of this process's memory, and this process cannot take that back.

    A system whose `core_pattern` hands dumps to a program does so nevertheless: that program must not keep them.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
