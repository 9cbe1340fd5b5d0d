"""Profiles of new cameras: drafted from their own frames, and held against them."""
