"""Light curves of all stars of a field: counts put together, compared with other stars, judged."""
