"""Persistence of one point cloud: diagrams, engines, and the window that is kept up to date."""
