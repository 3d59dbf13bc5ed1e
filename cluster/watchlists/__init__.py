"""Watchlists: who may be put on one, by whom, and how processes come to know."""
