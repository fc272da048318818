"""The composition: the one place that knows both the numbers and the edges."""
