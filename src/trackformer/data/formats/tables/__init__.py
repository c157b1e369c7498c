"""Tables of boxes, for programs that count and plot: CSV and Parquet."""
