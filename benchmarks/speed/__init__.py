"""How long parts of the product take, beside a peer in the same run, and what a service holds."""
