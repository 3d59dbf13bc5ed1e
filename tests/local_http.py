"""Asks servers of this machine over HTTP, itself: a proxy that the environment names knows nothing of them."""

import urllib.request

ask = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
