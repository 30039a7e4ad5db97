"""Tests against real Redis, real workers and real HTTP."""
