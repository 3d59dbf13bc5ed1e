"""Message forms: what stands in Kafka, byte for byte."""
