"""What cron will meet tonight, as one line each."""
