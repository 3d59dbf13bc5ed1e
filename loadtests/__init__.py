"""Black-box load, measurement and demonstration over Kafka."""
