"""What lies on disk: the night folder, its frames, products and ledger."""
