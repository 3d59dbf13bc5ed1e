"""What a machine lacks, and what to do about it."""
