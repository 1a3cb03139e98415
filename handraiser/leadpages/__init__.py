"""What a link in a lead's message leads to: a page that tells the lead, and buttons that answer it."""
