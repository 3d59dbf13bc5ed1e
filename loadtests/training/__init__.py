"""Trains the project's own two models on drawn people. Needs torch, which nothing else here does: import files."""
