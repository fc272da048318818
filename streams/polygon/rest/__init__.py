"""The vendor's REST: asked seldom, within the plan's rate, and believed only as far as its answers can be checked."""
