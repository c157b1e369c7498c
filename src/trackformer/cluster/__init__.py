"""Many recordings on many machines (`docs/cluster.md`)."""
