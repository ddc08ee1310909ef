"""From mechanism to probability: thresholds of filtered noise, committors, the chain of regions."""
