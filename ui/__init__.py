"""The chat page; it speaks to the API over HTTP only."""
