"""Mr Dale's six weeks, told, judged, verified, and lived through disasters."""
