"""Figures of the circuit: switches, when they are decided, the noise and the neurons behind them."""
