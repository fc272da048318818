"""A simulated exchange that speaks Polygon's protocol, fed by a bars file or by a synthetic market."""
