"""Tracking as a service: sessions of clients over HTTP and WebSocket (`docs/serve.md`)."""
