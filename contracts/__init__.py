"""What the services agree on: messages, their bytes, and which partition they go to. Pure; imports no other room."""
