"""What the programs saw: events, flows, counters."""
