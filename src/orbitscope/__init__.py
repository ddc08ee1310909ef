"""Train noise-driven recurrent networks to emulate hidden Markov models, then take them apart."""
