"""Mr Dale's six weeks, played through the served product and told as a story."""
