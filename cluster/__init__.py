"""The edges: Kafka, Ray, settings, policy, and the composition of operators into a running cluster."""
