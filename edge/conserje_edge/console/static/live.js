// Keeps the page as it is on the server.
