"""Mr Dale's six weeks, played through the served product and printed as a story."""
