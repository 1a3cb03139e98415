"""Why an account is, or is not, a lead: per rule what holds, what is missing, by how much, and what would have to happen."""
