"""A night whose truth is known."""
