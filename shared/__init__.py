"""Code that the four contexts share: the event contracts, and the path of a command or an event through a transaction."""
