"""A Kafka broker on this machine, without Docker: jars, nodes, and what is known of those that run."""
