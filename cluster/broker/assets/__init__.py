"""What the local broker is made of: its Maven coordinates, the digests of its jars and its log settings."""
