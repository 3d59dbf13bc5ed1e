"""Names of the topics, without prefix."""

FRAMES, ALERTS, WATCHLIST, DEAD_LETTERS = "frames", "alerts", "watchlist", "dead-letters"
POLICY, LEDGER, LEDGER_HEADS, EVIDENCE = "policy", "ledger", "ledger-heads", "evidence"
