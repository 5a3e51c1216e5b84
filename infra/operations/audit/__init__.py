"""The audit for an operator: its chain, its keys and its entries."""
