"""The edges of technic: wire formats and peers. Knows no indicator."""
