"""How bright each star is, and when."""
