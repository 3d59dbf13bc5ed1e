"""Policies as signed releases: from a file to what every process decides by."""
