"""What may be asked of the weekly meeting."""
