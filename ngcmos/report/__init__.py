"""The morning page, and why a frame was not measured: facts, words and pictures."""
