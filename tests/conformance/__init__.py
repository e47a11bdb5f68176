"""Cases with expected verdicts, and what runs them."""
