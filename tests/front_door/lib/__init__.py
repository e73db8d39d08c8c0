"""Helpers of the front-door tests: the server as a process, a webhook receiver, a checked HTTP client."""
