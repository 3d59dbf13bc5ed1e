"""Pure stream operators: values in, values out. No Ray, no Kafka, no files of settings."""
