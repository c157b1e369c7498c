"""Measurements: each module measures one part and can be run by itself."""
