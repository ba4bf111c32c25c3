"""The explorer: a page that shows every object live, on the control API."""
