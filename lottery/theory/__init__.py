"""What is known of random subset sums, measured: how many coefficients it takes, by how many each proof asks for."""
