"""The rules of the weekly meeting, one module per aggregate. Pure: values in, Decisions out."""
