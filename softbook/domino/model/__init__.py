"""The sampler as a policy: rollouts, gradients, regularisers, fine-tuning, and exact laws."""
