"""One module a script; each joins the domains over one night."""
