"""What steers a sampler otherwise than by policy gradients, in the same harness."""
