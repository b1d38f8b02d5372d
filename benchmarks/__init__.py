"""Measurements against other libraries; not part of the installed package."""
