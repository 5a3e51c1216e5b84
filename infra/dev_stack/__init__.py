"""The product on one machine: embedded servers, processes, development secrets."""
