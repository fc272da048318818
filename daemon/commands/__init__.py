"""What each command does; `daemon.cli` declares them, and imports a command's module only when it runs."""
