"""The generated files, each a function of the code: schemas and examples of events, the catalogue, AsyncAPI, state tables."""
