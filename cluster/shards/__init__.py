"""A watchlist divided over processes, searched as one."""
