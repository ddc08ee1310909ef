"""States of a network under noise, and what they are compared with: untrained networks, other units."""
