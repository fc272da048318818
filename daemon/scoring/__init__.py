"""Questions, River models, their judge, and the compiled score."""
