"""What the four contexts have in common: the language they speak and the one path of a command or an event."""
