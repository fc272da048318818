"""The vendor's stock feed (Polygon.io, since 2025 Massive.com), client side."""
