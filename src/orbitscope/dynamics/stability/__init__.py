"""What a step does to small differences: Jacobians, spectra, tangent vectors, Lyapunov exponents."""
