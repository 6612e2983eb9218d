"""Work in the background, whose truth is a row in the database."""
