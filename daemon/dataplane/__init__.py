"""What is known besides the live feed: fetched little, kept long, there before it is needed."""
