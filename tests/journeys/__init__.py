"""Mr Dale's six weeks: printed, compared, verified, and played through failures."""
