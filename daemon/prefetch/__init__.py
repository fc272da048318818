"""What an alert or a look will need, fetched before anybody asks."""
