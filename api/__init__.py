"""The gateway: HTTP in, messages out. It checks, stores and enqueues; no pixel is computed here."""
