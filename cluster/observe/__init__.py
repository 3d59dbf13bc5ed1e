"""What one machine needs to look at its cluster: Prometheus, and a small collector for traces."""
