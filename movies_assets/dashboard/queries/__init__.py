"""Queries that both pages and the report ask, one module a page; nothing here imports NiceGUI."""
