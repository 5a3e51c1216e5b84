"""One function per command, event and deadline: load, decide, save."""
