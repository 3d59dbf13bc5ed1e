"""What leaves a process about its own work: traces, metrics and logs."""
