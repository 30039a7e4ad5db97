"""The whole stack on one machine: Redis, the API, the UI and the workers as processes."""
