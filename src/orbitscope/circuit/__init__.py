"""What makes a network switch: when it is decided, the noise that decides, the neurons that carry it."""
