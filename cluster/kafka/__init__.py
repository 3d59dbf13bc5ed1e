"""Kafka as the pipeline's ports: all that imports the client. `topics.py`, the names alone, does not."""
