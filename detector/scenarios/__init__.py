"""What happens in an account, and which leads must come of it: files found, read, played and compared. No server, no database."""
