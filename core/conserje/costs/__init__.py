"""What messages and models cost: prices, a line for each spending, and sums by day."""
