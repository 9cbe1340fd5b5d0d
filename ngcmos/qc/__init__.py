"""What an observer looks at: shifts, figures, movies."""
