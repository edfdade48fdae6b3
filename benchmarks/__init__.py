"""What is timed and weighed: `make bench` prints it and writes `benchmarks/results.json`."""
