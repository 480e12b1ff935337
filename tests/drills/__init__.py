"""Drills: what rendered services promise under failures, tried on real servers."""
