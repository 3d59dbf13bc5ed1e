"""The ledger: hash chains, checkpoints over them, and whoever checks both."""
