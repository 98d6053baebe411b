"""From a target network to the network of subset sums that stands for it: solve chunks, assemble, evaluate, cross-check."""
