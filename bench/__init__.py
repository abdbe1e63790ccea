"""The benchmark behind `make bench`: the service beside bare ARI and plain dialplan, on one machine in one run."""
