"""Claims: what the paper and we say of these networks, each with a rule that decides it, and its verdict."""
