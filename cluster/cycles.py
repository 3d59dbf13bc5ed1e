"""Objects that hold each other in a circle, which only Python's collector lets go of."""

import gc


def collect_only_what_comes() -> None:
    """Leave all that has been loaded out of every later collection; call it before work begins.

    The oldest objects are collected only once what has joined them is a quarter of them, and libraries are 200,000
    objects: what Kafka's client leaves in circles would pile up for minutes, and a collection then hold up everything.
    """
    gc.collect()
    gc.freeze()
    gc.collect()  # the collector counts how many objects are old only here
