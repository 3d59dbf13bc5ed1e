"""Local search state: watchlist generations and the back ends that search them exactly."""
