"""Tests of what leaves the warehouse."""
