"""Errors, ids, registry, strict JSON, version stamps: what every other room stands on. No torch here."""
