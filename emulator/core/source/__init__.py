"""What can be said of a worker's source without running it: its classes, and what will not deploy."""
