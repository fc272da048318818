"""The peers, each as its own manual would have it used: objects made and warm beforehand, methods bound."""
